"""A `[services.NAME]` table with model = "gitops" → a `GitopsService`."""

from __future__ import annotations

from deployctl.inventory.section import Reader, Section
from deployctl.inventory.values.service import ComposeService, GitopsService


def read_gitops_service(section: Section, hosts: Reader[tuple[str, ...]]) -> GitopsService:
    """Read one service.

    Args:
        section: its table.
        hosts: reads the names of hosts that the inventory defines.
    """
    service = GitopsService(section.name, section.take("hosts", hosts, ()))
    compose_only = set(ComposeService.__dataclass_fields__) - {"name"}
    section.refuse_rest(dict.fromkeys(compose_only, '(it belongs to model = "compose")'))
    return service

"""An inventory as its user writes it: TOML, a table for each host and each service."""

from __future__ import annotations

import json
from collections.abc import Sequence


def host_table(settings: str = 'address = "vps.example"', *, name: str = "vps") -> str:
    """Return the table of a host.

    Args:
        settings: its TOML lines.
        name: in the inventory.
    """
    return f"[hosts.{name}]\n{settings.strip()}\n"


def service_table(
    name: str = "web",
    settings: str = "",
    *,
    hosts: Sequence[str] = ("vps",),
    directory: str = "/opt/infra",
    compose_files: Sequence[str] = ("compose/docker-compose.yml",),
) -> str:
    """Return the table of a service that Docker Compose runs.

    Args:
        name: in the inventory and in the compose files.
        settings: further TOML lines.
        hosts: names of those that it runs on.
        directory: where the compose files are, on each of them.
        compose_files: of the service.
    """
    return (
        f"[services.{name}]\n"
        'model = "compose"\n'
        f"hosts = {json.dumps(list(hosts))}\n"
        f"directory = {json.dumps(directory)}\n"
        f"compose_files = {json.dumps(list(compose_files))}\n"
        f"{settings}"
    )

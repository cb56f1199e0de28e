"""A `[services.NAME]` table with model = "compose" → a `ComposeService`."""

from __future__ import annotations

import posixpath

from deployctl.inventory import checks
from deployctl.inventory.section import Reader, Section, flag, sequence, span, text, whole_number
from deployctl.inventory.settings import Environment, Settings
from deployctl.inventory.values.service import ComposeService, Registry

_MOST_KEPT = 1000


def read_compose_service(
    section: Section, hosts: Reader[tuple[str, ...]], environment: Environment
) -> ComposeService:
    """Read one service.

    Args:
        section: its table.
        hosts: reads the names of hosts that the inventory defines.
        environment: where the login to its registry comes from.
    """
    take, need, default = section.take, section.need, ComposeService
    host_names = need("hosts", hosts, ())
    directory = need("directory", text(checks.directory), "")
    service = ComposeService(
        name=section.name,
        hosts=host_names,
        directory=directory,
        compose_files=need(
            "compose_files", sequence(text(checks.compose_file), same=posixpath.normpath), ()
        ),
        tag_variable=take("tag_variable", text(checks.tag_variable), default.tag_variable),
        health_timeout=take(
            "health_timeout", span(checks.positive_duration), default.health_timeout
        ),
        stable=take("stable", span(checks.duration_or_zero), default.stable),
        keep=take("keep", whole_number(0, _MOST_KEPT), default.keep),
        state_directory=take(
            "state_directory", text(checks.directory), posixpath.join(directory, ".deployctl")
        ),
        persist=take("persist", flag, default.persist),
        registry=_registry(section.section("registry"), environment)
        if section.has("registry")
        else None,
    )
    if (service.stable or 0.0) >= service.health_timeout:
        section.note("must be shorter than health_timeout, in which it has to fit", "stable")
    section.refuse_rest()
    return service


def _registry(section: Section, environment: Environment) -> Registry:
    """Read a login; what it lacks in the environment is no mistake in the file."""
    settings = Settings(section, environment)
    if not section.has("password"):
        section.note("is missing", "password")
    registry = Registry(
        server=section.need("server", text(checks.registry), ""),
        username=settings.text("username", checks.registry_user, required=True) or "",
        password=settings.secret("password", checks.password),
        problems=tuple(settings.problems),
    )
    section.refuse_rest()
    return registry

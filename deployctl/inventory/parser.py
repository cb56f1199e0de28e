"""TOML text → `Inventory`, or one error that lists every mistake."""

from __future__ import annotations

import posixpath
import tomllib
from itertools import combinations
from typing import TYPE_CHECKING

from deployctl.errors import UsageError
from deployctl.inventory import checks
from deployctl.inventory.host import read_host
from deployctl.inventory.model import (
    ComposeService,
    EnvironmentProblem,
    Gates,
    Github,
    GitopsService,
    Host,
    Inventory,
    Registry,
    Service,
)
from deployctl.inventory.section import (
    Mistake,
    Reader,
    Section,
    flag,
    sequence,
    span,
    text,
    whole_number,
    wrong,
)
from deployctl.inventory.text import escaped, key_path, listing, shown
from deployctl.inventory.trust import read_registry, read_signature

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

LARGEST_FILE = 256 * 1024
"""Bytes. A file that is larger was given by mistake."""

_MOST_KEPT = 1000
_COMPOSE_ONLY = (
    "directory",
    "compose_files",
    "tag_variable",
    "health_timeout",
    "stable",
    "keep",
    "state_directory",
    "persist",
    "registry",
)


def load(path: Path, environment: Mapping[str, str]) -> Inventory:
    """Read an inventory file.

    Args:
        path: the file; messages name it as it is given here.
        environment: where `{ env = "NAME" }` looks names up.

    Raises:
        UsageError: "inventory-missing", "inventory-unreadable", or what `parse` raises.
    """
    name = escaped(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise UsageError(
            "inventory-missing",
            f"there is no inventory at {name}",
            hint='write one, as "First deploy" in the README does it (inventory.example.toml has '
            "more), or name another file with -i FILE or in DEPLOYCTL_INVENTORY",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            "inventory-unreadable",
            f"cannot read {name}: {reason}",
            hint="it must be a file that you may read; --inventory FILE names another",
        ) from None
    return parse(_decoded(content, name), environment, path=str(path))


def parse(text: str, environment: Mapping[str, str], *, path: str) -> Inventory:
    """Return what an inventory's text says.

    Args:
        text: TOML.
        environment: where `{ env = "NAME" }` looks names up.
        path: the file it came from, for messages and as the start of relative local paths.

    Raises:
        UsageError: "inventory-syntax": no TOML; "inventory-invalid": `details` has one line for
            every mistake. What the environment lacks is not among them: see `Inventory.host`.
    """
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise _syntax_error(path, "it is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, escaped(str(error))) from None
    except ValueError:  # Python converts no decimal text of thousands of digits
        raise _syntax_error(path, "a number has too many digits") from None
    return from_document(document, environment, path=path)


def from_document(
    document: Mapping[str, object], environment: Mapping[str, str], *, path: str
) -> Inventory:
    """Return what a TOML document says that was already parsed; raises as `parse` does."""
    mistakes: list[Mistake] = []
    top = Section(document, (), mistakes)
    secrets: set[str] = set()
    hosts, unresolved = _hosts(top.section("hosts"), environment, secrets, path)
    services = _services(top.section("services"), {*hosts, *unresolved}, environment, secrets)
    gates = _gates(top.section("gates"), environment, path)
    github = _github(top.section("github"))
    if document.get("services", {}) == {}:
        top.note("is missing: an inventory describes at least one service", "services")
    top.refuse_rest()
    compose = [service for service in services.values() if isinstance(service, ComposeService)]
    mistakes += _state_conflicts(compose)
    mistakes += _shared_tag_variables(compose)
    if mistakes:
        raise _invalid(path, mistakes)
    return Inventory(
        path, hosts, services, gates, unresolved, github, secret_variables=frozenset(secrets)
    )


def _hosts(
    section: Section, environment: Mapping[str, str], secrets: set[str], path: str
) -> tuple[dict[str, Host], dict[str, tuple[EnvironmentProblem, ...]]]:
    read = {
        name: read_host(table, environment, secrets, inventory_path=path)
        for name, table in section.sections(checks.host_name).items()
    }
    ready = {name: host for name, host in read.items() if isinstance(host, Host)}
    lacking = {name: host for name, host in read.items() if not isinstance(host, Host)}
    return ready, lacking


def _services(
    section: Section,
    known_hosts: Collection[str],
    environment: Mapping[str, str],
    secrets: set[str],
) -> dict[str, Service]:
    return {
        name: _service(name, table, known_hosts, environment, secrets)
        for name, table in section.sections(checks.service_name).items()
    }


def _service(
    name: str,
    table: Section,
    known_hosts: Collection[str],
    environment: Mapping[str, str],
    secrets: set[str],
) -> Service:
    if table.need("model", text(checks.model), "compose") == "gitops":
        return _gitops_service(name, table, known_hosts)
    return _compose_service(name, table, known_hosts, environment, secrets)


def _compose_service(
    name: str,
    table: Section,
    known_hosts: Collection[str],
    environment: Mapping[str, str],
    secrets: set[str],
) -> ComposeService:
    hosts = table.need("hosts", sequence(_host_reader(known_hosts)), ())
    directory = table.need("directory", text(checks.directory), "")
    service = ComposeService(
        name=name,
        hosts=hosts,
        directory=directory,
        compose_files=table.need(
            "compose_files", sequence(text(checks.compose_file), same=posixpath.normpath), ()
        ),
        tag_variable=table.take(
            "tag_variable", text(checks.tag_variable), ComposeService.tag_variable
        ),
        health_timeout=table.take(
            "health_timeout", span(checks.positive_duration), ComposeService.health_timeout
        ),
        stable=table.take("stable", span(checks.duration_or_zero), ComposeService.stable),
        keep=table.take("keep", whole_number(0, _MOST_KEPT), ComposeService.keep),
        state_directory=table.take(
            "state_directory", text(checks.directory), posixpath.join(directory, ".deployctl")
        ),
        persist=table.take("persist", flag, ComposeService.persist),
        registry=_registry(table, environment, secrets),
    )
    if (service.stable or 0.0) >= service.health_timeout:
        table.note("must be shorter than health_timeout, in which it has to fit", "stable")
    table.refuse_rest()
    return service


def _registry(table: Section, environment: Mapping[str, str], secrets: set[str]) -> Registry | None:
    if not table.has("registry"):
        return None
    return read_registry(table.section("registry"), environment, secrets)


def _gitops_service(name: str, table: Section, known_hosts: Collection[str]) -> GitopsService:
    hosts = table.take("hosts", sequence(_host_reader(known_hosts)), ())
    table.refuse_rest(dict.fromkeys(_COMPOSE_ONLY, '(it belongs to model = "compose")'))
    return GitopsService(name, hosts)


def _gates(section: Section, environment: Mapping[str, str], path: str) -> Gates:
    gates = Gates(
        source_refs=section.take(
            "source_refs", sequence(text(checks.source_ref)), Gates.source_refs
        ),
        source_events=section.take(
            "source_events", sequence(text(checks.source_event)), Gates.source_events
        ),
        long_tags=section.take("long_tags", flag, stand_in=Gates.long_tags),
        require_revision=section.take("require_revision", flag, stand_in=Gates.require_revision),
        signature=read_signature(section.section("signature"), environment, inventory_path=path)
        if section.has("signature")
        else None,
    )
    section.refuse_rest()
    return gates


def _github(section: Section) -> Github:
    github = Github(container_log=section.take("container_log", flag, Github.container_log))
    section.refuse_rest()
    return github


def _host_reader(known: Collection[str]) -> Reader[str]:
    """Return a reader of the names of hosts that the inventory defines."""

    def read(value: object) -> str:
        name = text(str)(value)
        if name not in known:
            others = f"known: {listing(sorted(known))}" if known else "no host is defined"
            raise wrong(f"unknown host {shown(name)} ({others})")
        return name

    return read


def _state_conflicts(services: list[ComposeService]) -> list[Mistake]:
    """Return where services that share a host would share, or fail to share, a lock."""
    on_hosts = [service for service in services if service.directory and service.hosts]
    return [
        Mistake(("services", later.name, "state_directory"), reason)
        for earlier, later in combinations(on_hosts, 2)
        if not set(earlier.hosts).isdisjoint(later.hosts)
        and (reason := _state_conflict(earlier, later))
    ]


def _shared_tag_variables(services: list[ComposeService]) -> list[Mistake]:
    """Return where a tag would be kept in .env under a variable that is another service's, too."""
    return [
        Mistake(
            ("services", keeper.name, "persist"),
            f"keeps {keeper.tag_variable} in .env, which is also the tag_variable of "
            f"{key_path(('services', other.name))}: a plain docker compose up would start both "
            "with one tag; give each a variable of its own, in the compose files, too",
        )
        for keeper in services
        for other in services
        if keeper is not other
        and keeper.persist
        and keeper.tag_variable == other.tag_variable
        and not set(keeper.hosts).isdisjoint(other.hosts)
        and _project(keeper) == _project(other)
    ]


def _state_conflict(earlier: ComposeService, later: ComposeService) -> str:
    """Return why two services on one host cannot have the state directories they have."""
    one, other = earlier.state_directory, later.state_directory
    owner = key_path(("services", earlier.name))
    if one == other and earlier.directory != later.directory:
        return (
            f"{shown(other)} is also that of {owner}, which is in another directory "
            f"({shown(earlier.directory)}): each Compose project needs its own"
        )
    if _inside(one, other) or _inside(other, one):
        return f"{shown(other)} overlaps that of {owner} ({shown(one)}): keep them apart"
    if one != other and _project(earlier) == _project(later):
        return (
            f"{shown(other)} differs from that of {owner} ({shown(one)}): services of one "
            "Compose project share one, because they share its lock"
        )
    return ""


def _inside(path: str, directory: str) -> bool:
    return path != directory and path.startswith(directory.rstrip("/") + "/")


def _project(service: ComposeService) -> str:
    """Return the project's directory, which for Compose is that of the first file."""
    first = posixpath.join(service.directory, *service.compose_files[:1])
    return posixpath.dirname(posixpath.normpath(first))


def _decoded(content: bytes, name: str) -> str:
    if len(content) > LARGEST_FILE:
        raise UsageError(
            "inventory-unreadable",
            f"{name} is larger than {LARGEST_FILE} bytes: no inventory is",
            hint="name the right file with --inventory FILE",
        )
    try:
        return content.decode("utf-8-sig")  # editors on Windows write a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            "inventory-unreadable",
            f"{name} is not UTF-8: line {line} has the byte 0x{content[error.start]:02x}",
            hint="save the file as UTF-8 in your editor",
        ) from None


def _syntax_error(path: str, reason: str) -> UsageError:
    return UsageError(
        "inventory-syntax",
        f"{escaped(path)} is not valid TOML: {reason}",
        hint="correct it there; docs/inventory.md shows how each key is written",
    )


def _invalid(path: str, mistakes: list[Mistake]) -> UsageError:
    name = escaped(path)
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return UsageError(
        "inventory-invalid",
        f"{name} has {count}",
        hint="docs/inventory.md describes every key",
        details=[f"{name}: {mistake}" for mistake in mistakes],
    )

"""TOML text → `Inventory`, or one error that lists every mistake."""

from __future__ import annotations

import posixpath
import tomllib
from typing import TYPE_CHECKING

from deployctl.errors import UsageError
from deployctl.inventory import checks
from deployctl.inventory.conflicts import conflicts
from deployctl.inventory.readers.compose_service import read_compose_service
from deployctl.inventory.readers.gates import read_gates, read_github
from deployctl.inventory.readers.gitops_service import read_gitops_service
from deployctl.inventory.readers.host import read_host
from deployctl.inventory.section import Mistake, Reader, Section, sequence, text, wrong
from deployctl.inventory.settings import Environment
from deployctl.inventory.text import listing, shown
from deployctl.inventory.values.host import Host
from deployctl.inventory.values.inventory import Inventory
from deployctl.inventory.values.service import Service, compose_services
from deployctl.quoting import escaped

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

LARGEST_FILE = 256 * 1024
"""Bytes. A file that is larger was given by mistake."""


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
    around = Environment(environment, posixpath.dirname(path))
    hosts = {
        name: read_host(table, around)
        for name, table in top.section("hosts").sections(checks.host_name).items()
    }
    services = {
        name: _service(table, hosts, around)
        for name, table in top.section("services").sections(checks.service_name).items()
    }
    gates = read_gates(top.section("gates"), around)
    github = read_github(top.section("github"))
    if document.get("services", {}) == {}:
        top.note("is missing: an inventory describes at least one service", "services")
    top.refuse_rest()
    mistakes += conflicts(compose_services(services.values()))
    if mistakes:
        raise _invalid(path, mistakes)
    return Inventory(
        path=path,
        hosts={name: host for name, host in hosts.items() if isinstance(host, Host)},
        services=services,
        gates=gates,
        unresolved={name: lack for name, lack in hosts.items() if not isinstance(lack, Host)},
        github=github,
        secret_variables=frozenset(around.secret_variables),
    )


def _service(table: Section, known_hosts: Collection[str], environment: Environment) -> Service:
    hosts = sequence(_host_reader(known_hosts))
    if table.need("model", text(checks.model), "compose") == "gitops":
        return read_gitops_service(table, hosts)
    return read_compose_service(table, hosts, environment)


def _host_reader(known: Collection[str]) -> Reader[str]:
    """Return a reader of the names of hosts that the inventory defines."""

    def read(value: object) -> str:
        name = text(str)(value)
        if name not in known:
            others = f"known: {listing(sorted(known))}" if known else "no host is defined"
            raise wrong(f"unknown host {shown(name)} ({others})")
        return name

    return read


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

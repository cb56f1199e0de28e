"""The whole inventory, and finding a host or service in it by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deployctl.errors import UsageError
from deployctl.inventory.text import closest, listing, shown
from deployctl.inventory.values.environment import EnvironmentProblem, environment_error
from deployctl.inventory.values.gates import Gates, Github
from deployctl.inventory.values.host import Host
from deployctl.inventory.values.service import ComposeService, Service, compose_services
from deployctl.quoting import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Inventory:
    """Everything the inventory file says.

    Attributes:
        path: the file it was read from, for messages.
        hosts: by name; only those that need nothing from the environment, or got it.
        services: by name.
        gates: rules for every service.
        github: what a workflow is told.
        unresolved: the other hosts, by name, each with what it lacks. It matters only to those
            who use such a host: completion and services elsewhere work without its secrets.
        secret_variables: names of the variables that any host or service takes a secret from,
            whether or not they are set.
    """

    path: str
    hosts: Mapping[str, Host]
    services: Mapping[str, Service]
    gates: Gates
    unresolved: Mapping[str, tuple[EnvironmentProblem, ...]] = field(default_factory=dict)
    github: Github = field(default_factory=Github)
    secret_variables: frozenset[str] = frozenset()

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown: keys, passphrases, passwords, whole logins."""
        keys = [
            text for host in self.hosts.values() for text in (host.private_key, host.passphrase)
        ]
        logins = [service.registry for service in self.compose_services if service.registry]
        words = [
            text
            for login in logins
            if login.password
            for text in (login.password, f"{login.username}:{login.password}")
        ]
        return tuple(filter(None, dict.fromkeys([*keys, *words])))

    @property
    def compose_services(self) -> tuple[ComposeService, ...]:
        """The services that are deployed over SSH, in the order of the file."""
        return compose_services(self.services.values())

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names of all hosts, sorted, whether or not the environment suffices for them."""
        return tuple(sorted({*self.hosts, *self.unresolved}))

    def host(self, name: str) -> Host:
        """Return one host; raises UsageError as `resolve_hosts` does."""
        return self.resolve_hosts([name])[0]

    def resolve_hosts(self, names: Iterable[str]) -> tuple[Host, ...]:
        """Return the hosts of these names, in this order.

        Raises:
            UsageError: "unknown-host"; or "environment-missing" / "environment-invalid", which
                names every variable that these hosts lack (at least one is missing) or that has
                a value they cannot use.
        """
        wanted = tuple(names)
        for name in wanted:
            if name not in self.hosts and name not in self.unresolved:
                raise _unknown("host", name, self.host_names, self.path)
        lacking = [name for name in dict.fromkeys(wanted) if name in self.unresolved]
        if lacking:
            raise environment_error(
                _hosts(lacking),
                [problem for name in lacking for problem in self.unresolved[name]],
            )
        return tuple(self.hosts[name] for name in wanted)

    def service(self, name: str) -> Service:
        """Return one service.

        Raises:
            UsageError: "unknown-service".
        """
        if name not in self.services:
            raise _unknown("service", name, self.services, self.path)
        return self.services[name]


def _unknown(kind: str, name: str, known: Iterable[str], path: str) -> UsageError:
    names = sorted(known)
    listed = f"which has {listing(names)}" if names else "which has none"
    return UsageError(
        f"unknown-{kind}",
        f"unknown {kind} {shown(name)} in {escaped(path)}, {listed}",
        hint=_better_name(kind, name, names),
    )


def _better_name(kind: str, name: str, names: Sequence[str]) -> str:
    if close := closest(name, names):
        return f"type {close} instead of {shown(name)}"
    either = "type one of these names, or " if names else ""
    return f"{either}add the {kind} to the inventory: docs/inventory.md says how"


def _hosts(names: Sequence[str]) -> str:
    return f"{'host' if len(names) == 1 else 'hosts'} {listing(names)}"

"""What a command needs of its surroundings: the inventory, the hosts, where the answer goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from deployctl import errors, fleet
from deployctl.errors import UsageError
from deployctl.inventory import ComposeService, Gates, Inventory, compose_services, load
from deployctl.render.output import Output

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.inventory import Host

_Answer = TypeVar("_Answer")


class Call:
    """One call of a command, by the options that almost all have.

    Args:
        inventory: path of the file.
        json: whether programs read the answer.
        verbose: whether to say more about what is done on the hosts.
        github: whether to tell a workflow that deployctl runs in.
    """

    def __init__(self, inventory: str, *, json: bool, verbose: bool, github: bool) -> None:
        self._path = inventory
        self._json = json
        self._verbose = verbose
        self._github = github

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory, with the values of this process's environment."""
        return _read_inventory(self._path)

    @cached_property
    def output(self) -> Output:
        """Where the answer goes."""
        return Output(os.environ, json=self._json, github=self._github, inventory=self.inventory)

    @cached_property
    def observer(self) -> Observer:
        """Hears the steps of a question, which shows them only to whoever wants to see them."""
        if not self._verbose:
            return self.output.observer(lambda _: None)
        from deployctl.render.terminal.progress import Progress

        return self.output.observer(Progress(sys.stderr, os.environ, verbose=True))

    @contextmanager
    def progress(self) -> Iterator[Observer]:
        """Show the steps of a change while it goes on."""
        from deployctl.render.terminal.progress import Progress

        with Progress(sys.stderr, os.environ, verbose=self._verbose) as progress:
            yield self.output.observer(progress)

    def hosts_of(self, service: ComposeService, only: Sequence[str] | None) -> tuple[Host, ...]:
        """Return the hosts of a service that --host leaves, in its order."""
        names = _chosen(service.hosts, only, f"service {service.name}")
        return self.inventory.resolve_hosts(names)

    def ask_hosts(
        self, service: str | None, only: Sequence[str] | None, ask: Callable[..., _Answer]
    ) -> tuple[_Answer, ...]:
        """Ask all hosts at once; the answers keep the inventory's order.

        Args:
            service: the only one to ask for; None: all.
            only: the hosts that --host names; None: all.
            ask: is given a host, its services and an observer.
        """
        asked = self._services_by_host(service, only)
        observer = self.observer  # one, made before there are threads
        return fleet.in_parallel(asked, lambda each: ask(*each, observer))

    def _services_by_host(
        self, service: str | None, only: Sequence[str] | None
    ) -> list[tuple[Host, list[ComposeService]]]:
        """Return which services to ask for on each host, in the inventory's order."""
        read = self.inventory
        wanted = [read.service(service)] if service else list(read.services.values())
        by_host: dict[str, list[ComposeService]] = {}
        for each in compose_services(wanted):
            for name in each.hosts:
                by_host.setdefault(name, []).append(each)
        whose = f"service {service}" if service else "the inventory"
        names = _chosen(tuple(by_host), only, whose)
        return [(host, by_host[host.name]) for host in read.resolve_hosts(names)]


def _read_inventory(path: str) -> Inventory:
    """Read the inventory, with the values of this process's environment.

    The variables that hold secrets leave the environment: nothing that is started from here on
    inherits them, such as a ProxyCommand, a `Match exec` of ssh_config or ssh-keygen.
    """
    inventory = load(Path(path), os.environ)
    for name in inventory.secret_variables:
        os.environ.pop(name, None)
    return inventory


def with_key(gates: Gates) -> Gates:
    """Return the same gates with the text of the key that signatures are verified with.

    Raises:
        UsageError: the environment lacks it, or its file cannot be read or holds none.
    """
    signature = gates.signature
    if signature is None:
        return gates
    signature.require()
    if not signature.key_file:
        return gates
    from dataclasses import replace

    from deployctl.inventory.checks import public_key

    try:
        text = Path(signature.key_file).read_text("ascii")
        key = public_key(text)
    except (OSError, ValueError) as error:
        raise UsageError(
            "key-unreadable",
            f"gates.signature.key: {signature.key_file} holds no public key: {error}",
            hint="name the file that cosign generate-key-pair calls cosign.pub",
        ) from None
    return replace(gates, signature=replace(signature, key=key, key_file=""))


def end_with(status_: int) -> None:
    """Typer takes a command's return value for success: the status must be raised."""
    if status_ != errors.EXIT_OK:
        raise typer.Exit(status_)


def _chosen(hosts: Sequence[str], only: Sequence[str] | None, whose: str) -> tuple[str, ...]:
    """The hosts that --host leaves, in the inventory's order."""
    if not hosts:
        raise UsageError(
            "no-hosts",
            f"{whose} has no host that is reached over SSH",
            hint='name a service whose model is "compose"; docs/inventory.md has what it needs',
        )
    unknown = [name for name in only or () if name not in hosts]
    if unknown:
        raise UsageError(
            "unknown-host",
            f"--host {unknown[0]!r}: no such host of {whose} (it has: {', '.join(hosts)})",
            hint="name one of those, or leave --host out: then it is all of them",
        )
    return tuple(name for name in hosts if not only or name in only)

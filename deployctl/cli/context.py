"""What a command needs of its surroundings: the inventory, who asks, a way to the hosts."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deployctl import errors, workflow_events
from deployctl.errors import UsageError
from deployctl.inventory import ComposeService, Gates, Inventory, load, parse_duration
from deployctl.link import Link

if TYPE_CHECKING:
    from deployctl.events import Event, Observer
    from deployctl.inventory import Host
    from deployctl.model import Origin, WorkflowRun
    from deployctl.verdict import Verdict
    from deployctl.workflow_events import WorkflowEvent


def read_inventory(path: str) -> Inventory:
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


def link_to(host: Host, meanwhile: Callable[[], object] | None = None) -> Link:
    """Return a connection to a host, not yet made; `meanwhile`: see Link."""
    from deployctl.ssh import connect

    return Link(host, connect, meanwhile)


def origin(environment: Mapping[str, str]) -> Origin:
    """Who asks: a workflow's actor and run, or the user of this machine."""
    from deployctl.model import Origin

    if workflow_events.in_workflow(environment):
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        repository, run = environment.get("GITHUB_REPOSITORY"), environment.get("GITHUB_RUN_ID")
        return Origin(
            by=environment.get("GITHUB_ACTOR", "unknown"),
            source="github-actions",
            run_url=f"{server}/{repository}/actions/runs/{run}" if repository and run else "",
            workflow_run=_workflow_run(environment),
        )
    return Origin(by=f"{_user()}@{socket.gethostname()}", source="terminal")


_LARGEST_PAYLOAD = 4 * 1024 * 1024
"""Bytes. GitHub's largest event of a run has a tenth of that."""


def workflow_event(environment: Mapping[str, str]) -> WorkflowEvent | None:
    """What started the workflow that this process is a step of; None: it is in none."""
    if environment.get("GITHUB_EVENT_NAME") != workflow_events.WORKFLOW_RUN:
        return workflow_events.of(environment)
    return workflow_events.of(environment, _payload(environment.get("GITHUB_EVENT_PATH", "")))


def _payload(path: str) -> str | None:
    """The event as GitHub sent it; None: it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST_PAYLOAD).decode()
    except (OSError, ValueError):
        return None


def ask_first(listed: Sequence[str], verdicts: Iterable[Verdict]) -> None:
    """What is refused anyway is refused before any secret or host is needed."""
    from deployctl.checklist import Checklist

    checklist = Checklist(listed)
    with checklist.told_with_errors():
        for verdict in verdicts:
            checklist.add(verdict)


def _workflow_run(environment: Mapping[str, str]) -> WorkflowRun | None:
    """The run that GitHub's variables name, as https://docs.github.com/actions has them."""
    from deployctl.model import WorkflowRun

    workflow = _workflow(environment)
    number, attempt = environment.get("GITHUB_RUN_NUMBER"), environment.get("GITHUB_RUN_ATTEMPT")
    if not workflow or not _counts(number):
        return None
    return WorkflowRun(
        workflow,
        int(number or 0),
        int(attempt or 0) if _counts(attempt) else 1,
        environment.get("GITHUB_SHA", ""),
    )


def _workflow(environment: Mapping[str, str]) -> str:
    """What counts the runs: the file of the workflow, whichever branch it is on."""
    path, _, _ = environment.get("GITHUB_WORKFLOW_REF", "").partition("@refs/")
    name, repository = environment.get("GITHUB_WORKFLOW"), environment.get("GITHUB_REPOSITORY")
    return path or (f"{repository}: {name}" if repository and name else "")


def _counts(text: str | None) -> bool:
    return text is not None and re.fullmatch("[1-9][0-9]{0,8}", text) is not None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user without a name


def seconds(text: str | None) -> float:
    """Return a duration given as an option, in seconds; None: it was not given."""
    if text is None:
        return 0.0
    try:
        return parse_duration(text)
    except ValueError as error:
        hint = "say how long to wait at most, like --wait 10m"
        raise UsageError("wait-invalid", f"--wait {text!r}: {error}", hint=hint) from None


def observer(*, verbose: bool) -> Observer:
    """A question shows its steps only to whoever wants to see them."""
    if not verbose:
        return _ignore
    from deployctl.render.terminal.progress import Progress

    return Progress(sys.stderr, os.environ, verbose=True)


def _ignore(_: Event) -> None:
    pass


def end_with(status_: int) -> None:
    """Typer takes a command's return value for success: the status must be raised."""
    if status_ != errors.EXIT_OK:
        raise typer.Exit(status_)


def services_by_host(
    inventory: Inventory, service: str | None, only: Sequence[str] | None
) -> dict[str, list[ComposeService]]:
    """Which services to ask for, by host, in the inventory's order."""
    wanted = [inventory.service(service)] if service else list(inventory.services.values())
    compose = [s for s in wanted if isinstance(s, ComposeService)]
    by_host: dict[str, list[ComposeService]] = {}
    for each in compose:
        for name in each.hosts:
            by_host.setdefault(name, []).append(each)
    names = chosen_hosts(tuple(by_host), only, f"service {service}" if service else "the inventory")
    return {name: by_host[name] for name in names}


def chosen_hosts(hosts: Sequence[str], only: Sequence[str] | None, whose: str) -> tuple[str, ...]:
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

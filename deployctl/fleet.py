"""Several hosts: a change in their order, until one fails; a question to all at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.inventory import Host
    from deployctl.release.release import Action
    from deployctl.release.results import HostOutcome, RolloutResult, RunResult
    from deployctl.ssh.connection import Connection

MAX_PARALLEL = 16

_Subject = TypeVar("_Subject")
_Answer = TypeVar("_Answer")


def in_parallel(
    subjects: Sequence[_Subject], ask: Callable[[_Subject], _Answer]
) -> tuple[_Answer, ...]:
    """Ask all at once, with a bounded number of workers; the answers keep the order."""
    if len(subjects) == 1:
        return (ask(subjects[0]),)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(MAX_PARALLEL, max(1, len(subjects)))) as pool:
        return tuple(pool.map(ask, subjects))


def in_order(
    hosts: Sequence[Host],
    change: Callable[[Connection], RunResult],
    observer: Observer,
    *,
    action: Action,
    service: str,
    tag: str,
    dry_run: bool = False,
) -> RolloutResult:
    """Change one host after the other and stop at the first that fails.

    Args:
        hosts: in the order of the inventory.
        change: deploys or rolls back on one host; a DeployctlError is its failure.
        observer: hears where the rollout is.
        action: for the result.
        service: for the result.
        tag: for the result; empty: a rollback to whatever was before.
        dry_run: for the result.
    """
    from deployctl.events import HostFinished, HostStarted
    from deployctl.release.results import RolloutResult

    started = time.monotonic()
    outcomes: list[HostOutcome] = []
    for position, host in enumerate(hosts, start=1):
        observer(HostStarted(host.name, position, len(hosts)))
        outcome = _outcome(host, change)
        observer(HostFinished(host.name, outcome.error))
        outcomes.append(outcome)
        if outcome.error:
            break
    return RolloutResult(
        action=action,
        service=service,
        tag=tag,
        outcomes=tuple(outcomes),
        not_attempted=tuple(host.name for host in hosts[len(outcomes) :]),
        seconds=time.monotonic() - started,
        dry_run=dry_run,
    )


def _outcome(host: Host, change: Callable[[Connection], RunResult]) -> HostOutcome:
    from deployctl.errors import DeployctlError
    from deployctl.release.results import HostOutcome
    from deployctl.ssh.connection import Connection

    ended: HostOutcome | None = None
    try:
        with Connection(host) as connection:
            ended = _ended(connection, change)
    except DeployctlError as error:
        return HostOutcome(host.name, error=error)
    except KeyboardInterrupt:
        # During the change `run` says what becomes of it; before it, nothing has changed.
        return ended if ended and ended.error else _stopped(host, ended)
    else:
        return ended


def _ended(connection: Connection, change: Callable[[Connection], RunResult]) -> HostOutcome:
    from deployctl.errors import DeployctlError
    from deployctl.release.results import HostOutcome

    try:
        return HostOutcome(connection.host.name, result=change(connection))
    except DeployctlError as error:
        return HostOutcome(connection.host.name, error=error)


def _stopped(host: Host, ended: HostOutcome | None) -> HostOutcome:
    """Return that the user stopped it, before the change or behind its good end."""
    from deployctl.errors import UNTOUCHED, InterruptedByUserError
    from deployctl.release import suggest
    from deployctl.release.results import HostOutcome

    result = ended.result if ended else None
    followed = suggest.deployctl("follow", host.name, run=result.run) if result else ""
    stopped = InterruptedByUserError(
        "interrupted",
        f"stopped on {host.name}",
        state=f"the {result.action} there had ended: {result.outcome}" if result else UNTOUCHED,
        hint=followed or "deployctl status",
    )
    return HostOutcome(host.name, error=stopped)

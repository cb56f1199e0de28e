"""One command over several hosts: changes go in order and stop, questions go in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deployctl.errors import EXIT_OK, DeployctlError, InterruptedByUserError
from deployctl.model import (
    Action,
    HostFinished,
    HostOutcome,
    HostStarted,
    Observer,
    RolloutResult,
    RunResult,
)

MAX_PARALLEL = 16

# From harmless to what needs a person first; an exit status that is not here is a bug's.
_SEVERITY = (0, 9, 5, 3, 2, 4, 6, 8, 7, 130, 1)

_Subject = TypeVar("_Subject")
_Answer = TypeVar("_Answer")


def in_order(
    hosts: Sequence[str],
    run_on: Callable[[str], RunResult],
    observer: Observer,
    *,
    action: Action,
    service: str,
    tag: str,
) -> RolloutResult:
    """Run on one host after the other and stop at the first that fails.

    Args:
        hosts: names, in the order of the inventory.
        run_on: deploys or rolls back on one host; a DeployctlError is its failure.
        observer: hears where the rollout is.
        action: for the result.
        service: for the result.
        tag: for the result; empty: a rollback to whatever was before.
    """
    started = time.monotonic()
    outcomes: list[HostOutcome] = []
    for position, host in enumerate(hosts, start=1):
        observer(HostStarted(host, position, len(hosts)))
        outcome = _outcome(host, run_on)
        observer(HostFinished(host, outcome.error))
        outcomes.append(outcome)
        if outcome.error:
            break
    return RolloutResult(
        action=action,
        service=service,
        tag=tag,
        outcomes=tuple(outcomes),
        not_attempted=tuple(hosts[len(outcomes) :]),
        seconds=time.monotonic() - started,
    )


def in_parallel(
    subjects: Sequence[_Subject], ask: Callable[[_Subject], _Answer]
) -> tuple[_Answer, ...]:
    """Ask all at once, with a bounded number of workers; the answers keep the order."""
    if len(subjects) == 1:
        return (ask(subjects[0]),)
    with ThreadPoolExecutor(max_workers=min(MAX_PARALLEL, max(1, len(subjects)))) as pool:
        return tuple(pool.map(ask, subjects))


def worst(statuses: Sequence[int]) -> int:
    """Return the exit status that matters most."""
    return max(
        statuses,
        key=lambda s: _SEVERITY.index(s) if s in _SEVERITY else len(_SEVERITY),
        default=EXIT_OK,
    )


def exit_status(result: RolloutResult) -> int:
    """Return the exit status of a rollout: the worst host's."""
    return worst([o.error.exit_status if o.error else EXIT_OK for o in result.outcomes])


def _outcome(host: str, run_on: Callable[[str], RunResult]) -> HostOutcome:
    try:
        return HostOutcome(host, result=run_on(host))
    except DeployctlError as error:
        return HostOutcome(host, error=error)
    except KeyboardInterrupt:
        # During the change the runner says what becomes of it; before it, nothing has changed.
        return HostOutcome(host, error=InterruptedByUserError("interrupted", f"stopped on {host}"))

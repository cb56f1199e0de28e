"""A change over several hosts: in their order, until one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from deployctl.errors import EXIT_OK, DeployctlError, InterruptedByUserError, worst
from deployctl.events import HostFinished, HostStarted, Observer
from deployctl.model import Action, HostOutcome, RolloutResult, RunResult


def in_order(
    hosts: Sequence[str],
    run_on: Callable[[str], RunResult],
    observer: Observer,
    *,
    action: Action,
    service: str,
    tag: str,
    dry_run: bool = False,
) -> RolloutResult:
    """Run on one host after the other and stop at the first that fails.

    Args:
        hosts: names, in the order of the inventory.
        run_on: deploys or rolls back on one host; a DeployctlError is its failure.
        observer: hears where the rollout is.
        action: for the result.
        service: for the result.
        tag: for the result; empty: a rollback to whatever was before.
        dry_run: for the result.
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
        dry_run=dry_run,
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
        stopped = InterruptedByUserError(
            "interrupted", f"stopped on {host}", hint="deployctl status"
        )
        return HostOutcome(host, error=stopped)

"""Watching a run again, and learning how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from deployctl.compose import ending, preconditions
from deployctl.compose.host.transact import RunEvents
from deployctl.compose.run import watch_again
from deployctl.errors import UsageError
from deployctl.events import Observer, Phase, StepStarted
from deployctl.inventory import ComposeService
from deployctl.quoting import shown
from deployctl.release.release import Action
from deployctl.release.results import RunResult, is_run_id
from deployctl.ssh.connection import Connection


def follow(
    connection: Connection, services: Sequence[ComposeService], run: str, observer: Observer
) -> RunResult:
    """Watch a run again and return its good end.

    Args:
        connection: to the host that it runs on.
        services: those that are deployed there; the run is looked for in their directories.
        run: its id.
        observer: hears the steps.

    Raises:
        DeployctlError: every other end, as the lost command would have raised it.
    """
    if not is_run_id(run):
        raise UsageError(
            "run-invalid",
            f"{shown(run)} is not the id of a run",
            hint="it looks like 20261124t120000z-1a2b3c4d; the runs are in:\ndeployctl history",
        )
    started = time.monotonic()
    observer(StepStarted(connection.host.name, Phase.CONNECT))
    events = RunEvents(end="unknown-run")
    for directory in dict.fromkeys(s.state_directory for s in services):
        events = watch_again(connection, directory, run, observer)
        if events.end != "unknown-run":
            break
    asked = ending.Asked(
        connection.host.name, run, services, login=preconditions.login(connection.host)
    )
    entry = ending.success_entry(events, asked)
    return RunResult(
        host=connection.host.name,
        service=entry.service,
        action=Action(entry.action),
        outcome="succeeded",
        release=entry.release,
        previous=entry.previous,
        run=run,
        seconds=time.monotonic() - started,
        health_checked=not events.unchecked,
    )

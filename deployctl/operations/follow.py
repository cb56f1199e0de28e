"""Watching a run again, and learning how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from deployctl import outcome, readiness, runner
from deployctl.compose.host.transact import RunEvents
from deployctl.errors import UsageError
from deployctl.events import Observer, Phase, StepStarted
from deployctl.inventory import ComposeService
from deployctl.link import Link
from deployctl.model import Action, RunResult, is_run_id
from deployctl.quoting import shown


def follow(
    link: Link, services: Sequence[ComposeService], run: str, observer: Observer
) -> RunResult:
    """Watch a run again and return its good end.

    Args:
        link: to the host that it runs on.
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
    observer(StepStarted(link.host.name, Phase.CONNECT))
    transcript = RunEvents(end="unknown-run")
    for directory in dict.fromkeys(s.state_directory for s in services):
        transcript = runner.follow(link, directory, run, observer)
        if transcript.end != "unknown-run":
            break
    asked = outcome.Asked(link.host.name, run, services, login=readiness.login(link.host))
    entry = outcome.success_entry(transcript, asked)
    return RunResult(
        host=link.host.name,
        service=entry.service,
        action=Action(entry.action),
        outcome="succeeded",
        release=entry.release,
        previous=entry.previous,
        run=run,
        seconds=time.monotonic() - started,
        health_checked=not transcript.unchecked,
    )

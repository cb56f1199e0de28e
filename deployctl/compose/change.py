"""What deploy and rollback share: look at the host, wait, run the transaction, say how it went."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from deployctl.compose import ending, preconditions
from deployctl.compose.host.probe import read_probe
from deployctl.compose.notes import notes
from deployctl.compose.plan import Plan, commands, plan_of
from deployctl.compose.read import probe
from deployctl.compose.request import Request
from deployctl.compose.run import run
from deployctl.compose.service import ConfiguredOnHost
from deployctl.errors import BusyError
from deployctl.events import StepEnded
from deployctl.release.checklist import NOT_REACHED, Checklist
from deployctl.release.record import Entry
from deployctl.release.release import Action, Release
from deployctl.release.results import Health, RunResult
from deployctl.release.way_back import as_target
from deployctl.ssh.connection import Connection

_RUNS_ALREADY = "not asked: it runs already, and the registry is not asked"
_NOT_FETCHED = "not asked: it needs the image, which a dry run does not fetch"


def look(connection: Connection, request: Request) -> ConfiguredOnHost:
    """Ask the host for everything, and refuse a host that cannot take a run."""
    facts = read_probe(probe(connection, request.service, request.observer, change=True))
    configuration = preconditions.require_ready(facts, request.service, connection.host)
    request.observer(StepEnded(connection.host.name))
    return ConfiguredOnHost.of(request.service, facts, configuration)


class Patience:
    """How long to wait for other runs, over all attempts at one change."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left of it."""
        return max(0.0, self._until - time.monotonic())

    def allows_another_attempt(self, busy: BusyError) -> bool:
        """Whether the host changed while this attempt waited, or may still be waited for."""
        return busy.code == ending.CHANGED_WHILE_WAITING or (
            busy.code == ending.CHANGED_MEANWHILE and self.left > 0
        )


@dataclass(frozen=True)
class Attempt:
    """One attempt at a change of one host, with all that it was decided on.

    Attributes:
        action: deploy or rollback.
        connection: to the host.
        request: what was asked.
        here: what the host was like before.
        checklist: what the gates say.
        started: when it began, by time.monotonic.
        target: of a rollback, as it was recorded; None: of a deploy.
    """

    action: Action
    connection: Connection
    request: Request
    here: ConfiguredOnHost
    checklist: Checklist
    started: float
    target: Entry | None = None

    def unchanged(self, tag: str) -> RunResult:
        """The result for a host that runs the release already."""
        running = self.here.running or Release(tag, "")
        checked = all(c.health is not Health.NONE for c in self.here.containers)
        result = self._result("unchanged", running, unasked=_RUNS_ALREADY)
        return replace(result, health_checked=checked)

    def record_unchanged(self) -> None:
        """Record that what was asked for runs already, under the lock and after the same checks.

        Raises:
            DeployctlError: the host is busy, has changed meanwhile, or cannot record it.
        """
        recorded = self.here.history.last_success(self.request.service.name)
        running = self.here.running
        if recorded is None or running is None:
            return
        release = replace(running, digest=recorded.release.digest)
        run(self.connection, replace(self._plan(release), unchanged=True), self.request.observer)

    def planned(self, release: Release, *, fetch: bool) -> RunResult:
        """The result of a dry run."""
        result = self._result("planned", release, unasked=_NOT_FETCHED)
        return replace(result, commands=commands(self.here, self.action, release, fetch=fetch))

    def make_run(self, release: Release) -> RunResult:
        """Run the transaction that makes a release run, and return the result.

        Raises:
            DeployctlError: it failed; see docs/exit-codes.md.
        """
        plan = self._plan(release)
        if self.here.being_changed:
            # Decided too early: no history has this size, so it is decided again under the lock.
            plan = replace(plan, seen_history=-1)
        ended = run(self.connection, plan, self.request.observer)
        result = self._result("succeeded", release)
        notes = (*result.notes, *ending.notes_of_success(ended))
        return replace(result, run=plan.run, health_checked=not ended.unchecked, notes=notes)

    def _plan(self, release: Release) -> Plan:
        request = self.request
        return plan_of(
            self.here,
            self.action,
            release,
            origin=request.origin,
            wait=request.wait,
            now=request.clock(),
        )

    def _result(self, outcome: str, release: Release, unasked: str = NOT_REACHED) -> RunResult:
        return RunResult(
            host=self.connection.host.name,
            service=self.request.service.name,
            action=self.action,
            outcome=outcome,
            release=release,
            previous=self.here.running,
            run="",
            seconds=time.monotonic() - self.started,
            gate_results=self.checklist.results(unasked),
            notes=notes(self.here, self.target),
            target=as_target(self.target) if self.target else None,
        )

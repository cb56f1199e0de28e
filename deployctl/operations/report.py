"""What a run's result says, gathered while the run goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from deployctl import history, planning
from deployctl.link import Link
from deployctl.model import Action, Health, Release, RunResult, Verdict
from deployctl.operations.request import Request
from deployctl.situation import Situation


@dataclass
class Report:
    """Gathers what a run's result says, while the run goes on."""

    link: Link
    request: Request
    action: Action
    started: float = field(default_factory=time.monotonic)
    verdicts: list[Verdict] = field(default_factory=list)
    target: history.Entry | None = None
    _situation: Situation | None = None

    @property
    def situation(self) -> Situation:
        """What the host was like before."""
        if self._situation is None:
            raise AssertionError("the host was not asked yet")
        return self._situation

    @situation.setter
    def situation(self, situation: Situation) -> None:
        self._situation = situation

    def add(self, *verdicts: Verdict) -> None:
        """Note what gates said."""
        self.verdicts += verdicts

    def unchanged(self, tag: str) -> RunResult:
        """The result for a host that runs the release already."""
        running = self.situation.running or Release(tag, "")
        checked = all(c.health is not Health.NONE for c in self.situation.containers)
        return replace(self._result("unchanged", running), health_checked=checked)

    def planned(self, release: Release, *, fetch: bool) -> RunResult:
        """The result of a dry run."""
        commands = planning.commands(self.situation, release, fetch=fetch)
        return self._result("planned", release, commands=commands)

    def succeeded(self, release: Release, run: str, *, checked: bool) -> RunResult:
        """The result of a run that did what was asked."""
        return replace(self._result("succeeded", release, run=run), health_checked=checked)

    def _result(
        self, outcome_: str, release: Release, *, run: str = "", commands: tuple[str, ...] = ()
    ) -> RunResult:
        return RunResult(
            host=self.link.host.name,
            service=self.request.service.name,
            action=self.action,
            outcome=outcome_,
            release=release,
            previous=self.situation.running,
            run=run,
            seconds=time.monotonic() - self.started,
            verdicts=tuple(self.verdicts),
            commands=commands,
            notes=planning.notes(self.situation, self.target),
            target=history.as_target(self.target) if self.target else None,
        )

"""What a run's result says, gathered while the run goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from deployctl import checklist, history, planning
from deployctl.checklist import Checklist
from deployctl.link import Link
from deployctl.model import Action, Health, Release, RunResult
from deployctl.operations.request import Request
from deployctl.situation import Situation
from deployctl.verdict import Verdict

_RUNS_ALREADY = "not asked: it runs already, and the registry is not asked"
_NOT_FETCHED = "not asked: it needs the image, which a dry run does not fetch"


@dataclass
class Report:
    """Gathers what a run's result says, while the run goes on."""

    link: Link
    request: Request
    action: Action
    started: float = field(default_factory=time.monotonic)
    target: history.Entry | None = None
    _situation: Situation | None = None
    _checklist: Checklist = field(init=False)

    def __post_init__(self) -> None:
        """List the gates of the action."""
        gates = checklist.DEPLOY if self.action is Action.DEPLOY else checklist.ROLLBACK
        self._checklist = Checklist(gates)

    @property
    def situation(self) -> Situation:
        """What the host was like before."""
        if self._situation is None:
            raise AssertionError("the host was not asked yet")
        return self._situation

    @situation.setter
    def situation(self, situation: Situation) -> None:
        self._situation = situation

    def hear(self, verdicts: Iterable[Verdict]) -> None:
        """Note what gates say, one after the other; the first that refuses ends it."""
        for verdict in verdicts:
            self._checklist.add(verdict)

    def told_with_errors(self) -> AbstractContextManager[None]:
        """Let an error that leaves the block say what each gate had said by then."""
        return self._checklist.told_with_errors()

    def unchanged(self, tag: str) -> RunResult:
        """The result for a host that runs the release already."""
        running = self.situation.running or Release(tag, "")
        checked = all(c.health is not Health.NONE for c in self.situation.containers)
        result = self._result("unchanged", running, unasked=_RUNS_ALREADY)
        return replace(result, health_checked=checked)

    def planned(self, release: Release, *, fetch: bool) -> RunResult:
        """The result of a dry run."""
        commands = planning.commands(self.situation, release, fetch=fetch)
        return self._result("planned", release, commands=commands, unasked=_NOT_FETCHED)

    def succeeded(self, release: Release, run: str, *, checked: bool) -> RunResult:
        """The result of a run that did what was asked."""
        return replace(self._result("succeeded", release, run=run), health_checked=checked)

    def _result(
        self,
        outcome_: str,
        release: Release,
        *,
        run: str = "",
        commands: tuple[str, ...] = (),
        unasked: str = checklist.NOT_REACHED,
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
            verdicts=self._checklist.verdicts(unasked),
            commands=commands,
            notes=planning.notes(self.situation, self.target),
            target=history.as_target(self.target) if self.target else None,
        )

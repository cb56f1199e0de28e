"""What would run: for an event on a ref, and after a job has failed.

Nothing is executed. Conditions are evaluated with what the event fixes (ref, event name, results
of jobs); all else is unknown, and what may run counts as running.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployctl.lint.expressions.evaluate import (
    STATUS_FUNCTIONS,
    UNKNOWN,
    Evaluator,
    Value,
    all_of,
)
from deployctl.lint.expressions.tree import Path, calls
from deployctl.lint.runs.events import Scenario
from deployctl.lint.runs.jobs import JobRun, Position
from deployctl.lint.workflow.values import Condition

SUCCESS, FAILURE, SKIPPED = "success", "failure", "skipped"


def may_run(position: Position, scenario: Scenario) -> bool:
    """Whether the conditions of a step, of its job and of those that call it can let it run.

    What `needs` keeps from running does not count: a later always() would open it.
    """
    return all_of(_alone(each, scenario) for each in conditions_of(position)) is not False


def conditions_of(position: Position) -> list[Condition]:
    """Return the conditions of a step, of its job, and of the jobs that call it."""
    jobs = [each.job for each in (position.job_run, *position.job_run.callers)]
    conditions = [position.step.condition, *(job.condition for job in jobs)]
    return [each for each in conditions if each]


def _alone(condition: Condition, scenario: Scenario) -> bool | None:
    status = {"always": True}
    return Evaluator(scenario.lookup, status.get).truth(condition.expression)


class Simulation:
    """A run in which some jobs end in a given way.

    Args:
        scenario: the event.
        forced: how jobs end, by job; the others succeed if they run.
    """

    def __init__(self, scenario: Scenario, forced: Mapping[JobRun, str] | None = None) -> None:
        self._scenario = scenario
        self._forced = forced or {}
        self._runs: dict[JobRun, bool | None] = {}

    def runs(self, job_run: JobRun) -> bool | None:
        """Say whether a job runs; None: it may."""
        if job_run not in self._runs:
            self._runs[job_run] = None  # whoever needs itself may run
            called = self.runs(job_run.caller) if job_run.caller else True
            self._runs[job_run] = all_of((called, self._condition_holds(job_run)))
        return self._runs[job_run]

    def reaches(self, position: Position) -> bool | None:
        """Say whether a step runs, where the steps before it in its job succeed."""
        condition = position.step.condition
        holds = True if condition is None else self._truth(condition, position.job_run)
        return all_of((self.runs(position.job_run), holds))

    def let_through(self, job_run: JobRun) -> bool:
        """Whether a job may run although one that it needs itself did not succeed."""
        failed = any(SUCCESS not in self._results(need) for need in job_run.needs)
        return failed and self.runs(job_run) is not False

    def _results(self, job_run: JobRun) -> frozenset[str]:
        if job_run in self._forced:
            return frozenset({self._forced[job_run]})
        runs = self.runs(job_run)
        if runs is None:
            return frozenset({SUCCESS, SKIPPED})
        return frozenset({SUCCESS if runs else SKIPPED})

    def _condition_holds(self, job_run: JobRun) -> bool | None:
        condition = job_run.job.condition
        if condition is None:
            return self._status("success", job_run)
        holds = self._truth(condition, job_run)
        if _asks_for_status(condition):
            return holds
        return all_of((self._status("success", job_run), holds))

    def _truth(self, condition: Condition, job_run: JobRun) -> bool | None:
        def lookup(names: Path) -> Value:
            return self._lookup(names, job_run)

        def status(function: str) -> bool | None:
            return self._status(function, job_run)

        return Evaluator(lookup, status).truth(condition.expression)

    def _status(self, function: str, job_run: JobRun) -> bool | None:
        match function:
            case "success":
                return all_of(_only(SUCCESS, self._results(need)) for need in job_run.needs)
            case "failure":
                failed = [_only(FAILURE, self._results(each)) for each in job_run.ancestors()]
                return True if True in failed else (None if None in failed else False)
            case _:
                return function == "always"

    def _lookup(self, names: Path, job_run: JobRun) -> Value:
        match names:
            case ("needs", job, "result") if need := job_run.need(job):
                results = self._results(need)
                return next(iter(results)) if len(results) == 1 else UNKNOWN
            case ("needs", job, "outputs", _) if need := job_run.need(job):
                return "" if self._results(need) == {SKIPPED} else UNKNOWN
            case _:
                return self._scenario.lookup(names)


def _only(result: str, results: frozenset[str]) -> bool | None:
    """Whether that is the result; None: it may be."""
    return result in results if len(results) == 1 else (None if result in results else False)


def survives(later: Position, failed: Position) -> bool:
    """Whether a step may run after one before it in its job has failed."""
    condition = later.step.condition
    if condition is None or not _asks_for_status(condition):
        return False
    ends = _ends_behind(failed, later)

    def lookup(names: Path) -> Value:
        match names:
            case ("steps", step, "outcome" | "conclusion"):
                return ends.get(step, UNKNOWN)
            case _:
                return UNKNOWN

    status = {"always": True, "failure": True, "success": False, "cancelled": False}
    return Evaluator(lookup, status.get).truth(condition.expression) is not False


def _ends_behind(failed: Position, later: Position) -> dict[str, Value]:
    """How the steps from one that fails to a later one end: those in between are skipped."""
    ends: dict[str, Value] = {failed.step.id: FAILURE}
    for step in failed.job_run.job.steps[failed.index + 1 : later.index]:
        runs = step.condition is not None and _asks_for_status(step.condition)
        ends[step.id] = UNKNOWN if runs else SKIPPED
    return ends


def _asks_for_status(condition: Condition) -> bool:
    return calls(condition.expression, STATUS_FUNCTIONS)

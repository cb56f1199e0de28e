"""What would run: for an event on a ref, and after a job has failed.

Nothing is executed. Conditions are evaluated with what the event fixes (ref, event name, results
of jobs); all else is unknown, and what may run counts as running.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployctl.lint.evaluate import STATUS_FUNCTIONS, UNKNOWN, Evaluator, Value, all_of
from deployctl.lint.expressions import Expression, Literal, Path, calls, walk
from deployctl.lint.graph import Instance, Position
from deployctl.lint.workflow import Condition, Trigger, Workflow
from deployctl.workflow_events import WORKFLOW_RUN, is_pull_request

SUCCESS, FAILURE, SKIPPED = "success", "failure", "skipped"

# Events whose ref is whatever the commit or the person says.
_ANY_REF = frozenset({"push", "workflow_dispatch", "create", "deployment", "deployment_status"})
_PULL_REQUESTS = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"})


@dataclass(frozen=True)
class Scenario:
    """An event.

    Attributes:
        event: its name.
        ref: the full ref that the run is for.
        source: of `workflow_run`, the branch and event of the run that triggered it.
    """

    event: str
    ref: str
    source: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.source:
            return f"workflow_run after {self.source[1]} on {self.source[0]}"
        return f"{self.event} on {self.ref}"

    def lookup(self, names: Path) -> Value:
        """Return what the event fixes of the `github` context."""
        fixed: dict[Path, Value] = {
            ("github", "ref"): self.ref,
            ("github", "ref_name"): re.sub(r"^refs/(heads|tags|pull)/", "", self.ref),
            ("github", "ref_type"): "tag" if self.ref.startswith("refs/tags/") else "branch",
            ("github", "event_name"): self.event,
        }
        if self.event == "push":
            fixed["github", "event", "ref"] = self.ref
        if not is_pull_request(self.event):
            fixed["github", "base_ref"] = fixed["github", "head_ref"] = ""
        if self.source:
            fixed["github", "event", "workflow_run", "head_branch"] = self.source[0]
            fixed["github", "event", "workflow_run", "event"] = self.source[1]
        return fixed.get(names, UNKNOWN)


# ---------------------------------------------------------------- events


def wanted_events(workflow: Workflow, branch: str) -> Iterator[Scenario]:
    """Return the events on main that start a workflow, and that a deploy may follow."""
    main = f"refs/heads/{branch}"
    for event in workflow.triggers:
        if event == WORKFLOW_RUN:
            yield Scenario(event, main, (branch, "push"))
        elif event == "workflow_call":
            yield Scenario("push", main)
        elif not is_pull_request(event) and event not in {"merge_group", "release"}:
            yield Scenario(event, main)


def other_events(
    workflow: Workflow, branch: str, conditions: list[Expression]
) -> Iterator[Scenario]:
    """Return the events that start a workflow and are not main's.

    There are infinitely many refs. These are one of each kind, and all that the triggers or the
    conditions mention: a ref that makes a difference is among them.
    """
    refs = list(_refs(workflow, branch, conditions))
    for trigger in workflow.triggers.values():
        yield from _events_of(trigger, branch, refs)
    if workflow.is_only_called:
        for event in ("push", "workflow_dispatch"):
            yield from _events_of(Trigger(event, {}), branch, refs)
        yield from _events_of(Trigger("pull_request", {}), branch, refs)


def _events_of(trigger: Trigger, branch: str, refs: list[str]) -> Iterator[Scenario]:
    event, main = trigger.event, f"refs/heads/{branch}"
    fixed = {
        **dict.fromkeys(_PULL_REQUESTS, "refs/pull/7/merge"),
        "pull_request_target": main,
        "merge_group": f"refs/heads/gh-readonly-queue/{branch}/pr-7",
        "release": "refs/tags/v1.0.0",
    }
    if event in fixed:
        yield Scenario(event, fixed[event])
    elif event in _ANY_REF:
        yield from (Scenario(event, ref) for ref in refs if _passes(trigger.filters, ref))
    elif event == WORKFLOW_RUN:
        # A fork may call its branch as it likes.
        yield Scenario(event, main, (branch, "pull_request"))
        for ref in refs:
            if ref.startswith("refs/heads/") and _passes(trigger.filters, ref):
                yield Scenario(event, main, (ref.removeprefix("refs/heads/"), "push"))


def _refs(workflow: Workflow, branch: str, conditions: list[Expression]) -> Iterator[str]:
    named = {f"{branch}-2", f"x/{branch}", "feature-1", "v1.0.0"}
    for trigger in workflow.triggers.values():
        for patterns in trigger.filters.values():
            named |= {re.sub(r"\*+", "x", pattern.lstrip("!")) for pattern in patterns}
    for condition in conditions:
        for each in walk(condition):
            if isinstance(each, Literal) and isinstance(each.value, str) and each.value:
                named.add(re.sub(r"^refs/(heads|tags)/", "", each.value))
    for name in sorted(named - {branch}):
        yield f"refs/heads/{name}"
    for name in sorted(named | {branch}):
        yield f"refs/tags/{name}"


def _passes(filters: Mapping[str, tuple[str, ...]], ref: str) -> bool:
    """Whether a trigger's filters let a ref through."""
    kind, other = ("tags", "branches") if ref.startswith("refs/tags/") else ("branches", "tags")
    name = re.sub(r"^refs/(heads|tags)/", "", ref)
    if kind in filters:
        return _matches(filters[kind], name)
    if f"{kind}-ignore" in filters:
        return not _matches(filters[f"{kind}-ignore"], name)
    # A filter for branches alone keeps tags out, and the other way round.
    return not (other in filters or f"{other}-ignore" in filters)


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether the last pattern that matches is one without `!`."""
    matched = False
    for pattern in patterns:
        if _pattern(pattern.removeprefix("!")).fullmatch(name):
            matched = not pattern.startswith("!")
    return matched


def _pattern(glob: str) -> re.Pattern[str]:
    pieces = {"**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*|\*)", glob)
    return re.compile("".join(pieces.get(part) or re.escape(part) for part in parts))


# ---------------------------------------------------------------- conditions alone


def may_run(position: Position, scenario: Scenario) -> bool:
    """Whether the conditions of a step, of its job and of those that call it can let it run.

    What `needs` keeps from running does not count: a later always() would open it.
    """
    return all_of(_alone(each, scenario) for each in conditions_of(position)) is not False


def conditions_of(position: Position) -> list[Condition]:
    """Return the conditions of a step, of its job, and of the jobs that call it."""
    jobs = [each.job for each in (position.instance, *position.instance.callers)]
    conditions = [position.step.condition, *(job.condition for job in jobs)]
    return [each for each in conditions if each]


def _alone(condition: Condition, scenario: Scenario) -> bool | None:
    status = {"always": True}
    return Evaluator(scenario.lookup, status.get).truth(condition.expression)


# ---------------------------------------------------------------- results of jobs


class Simulation:
    """A run in which some jobs end in a given way.

    Args:
        scenario: the event.
        forced: how jobs end, by job; the others succeed if they run.
    """

    def __init__(self, scenario: Scenario, forced: Mapping[Instance, str]) -> None:
        self._scenario = scenario
        self._forced = forced
        self._runs: dict[Instance, bool | None] = {}

    def runs(self, instance: Instance) -> bool | None:
        """Say whether a job runs; None: it may."""
        if instance not in self._runs:
            self._runs[instance] = None  # whoever needs itself may run
            called = self.runs(instance.caller) if instance.caller else True
            self._runs[instance] = all_of((called, self._condition_holds(instance)))
        return self._runs[instance]

    def reaches(self, position: Position) -> bool | None:
        """Say whether a step runs, where the steps before it in its job succeed."""
        condition = position.step.condition
        holds = True if condition is None else self._truth(condition, position.instance)
        return all_of((self.runs(position.instance), holds))

    def let_through(self, instance: Instance) -> bool:
        """Whether a job may run although one that it needs itself did not succeed."""
        failed = any(SUCCESS not in self._results(need) for need in instance.needs)
        return failed and self.runs(instance) is not False

    def _results(self, instance: Instance) -> frozenset[str]:
        if instance in self._forced:
            return frozenset({self._forced[instance]})
        runs = self.runs(instance)
        if runs is None:
            return frozenset({SUCCESS, SKIPPED})
        return frozenset({SUCCESS if runs else SKIPPED})

    def _condition_holds(self, instance: Instance) -> bool | None:
        condition = instance.job.condition
        if condition is None:
            return self._status("success", instance)
        holds = self._truth(condition, instance)
        if _asks_for_status(condition):
            return holds
        return all_of((self._status("success", instance), holds))

    def _truth(self, condition: Condition, instance: Instance) -> bool | None:
        def lookup(names: Path) -> Value:
            return self._lookup(names, instance)

        def status(function: str) -> bool | None:
            return self._status(function, instance)

        return Evaluator(lookup, status).truth(condition.expression)

    def _status(self, function: str, instance: Instance) -> bool | None:
        match function:
            case "success":
                return all_of(_only(SUCCESS, self._results(need)) for need in instance.needs)
            case "failure":
                failed = [_only(FAILURE, self._results(each)) for each in instance.ancestors()]
                return True if True in failed else (None if None in failed else False)
            case _:
                return function == "always"

    def _lookup(self, names: Path, instance: Instance) -> Value:
        match names:
            case ("needs", job, "result") if need := instance.need(job):
                results = self._results(need)
                return next(iter(results)) if len(results) == 1 else UNKNOWN
            case ("needs", job, "outputs", _) if need := instance.need(job):
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
    for step in failed.instance.job.steps[failed.index + 1 : later.index]:
        runs = step.condition is not None and _asks_for_status(step.condition)
        ends[step.id] = UNKNOWN if runs else SKIPPED
    return ends


def _asks_for_status(condition: Condition) -> bool:
    return calls(condition.expression, STATUS_FUNCTIONS)

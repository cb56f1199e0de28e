"""The events that start a workflow: those that a deploy may follow, and all others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployctl.lint.expressions.evaluate import UNKNOWN, Value
from deployctl.lint.expressions.tree import Expression, Literal, Path, walk
from deployctl.lint.workflow.values import Trigger, Workflow
from deployctl.workflow_events import WORKFLOW_RUN, is_pull_request

# Events whose ref is whatever the commit or the person says.
_ANY_REF = frozenset({"push", "workflow_dispatch", "create", "deployment", "deployment_status"})
_PULL_REQUESTS = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"})


@dataclass(frozen=True)
class Scenario:
    """An event.

    Attributes:
        event: its name.
        ref: the full ref that the run is for.
        cause: of `workflow_run`, the branch and event of the run that triggered it.
    """

    event: str
    ref: str
    cause: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.cause:
            return f"workflow_run after {self.cause[1]} on {self.cause[0]}"
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
        if self.cause:
            fixed["github", "event", "workflow_run", "head_branch"] = self.cause[0]
            fixed["github", "event", "workflow_run", "event"] = self.cause[1]
        return fixed.get(names, UNKNOWN)


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
        for event in ("push", "workflow_dispatch", "pull_request"):
            yield from _events_of(Trigger(event, {}), branch, refs)


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

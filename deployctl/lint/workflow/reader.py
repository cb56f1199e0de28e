"""YAML → the values of a workflow; what is none is an error that says where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from deployctl.lint.expressions.parser import ExpressionError
from deployctl.lint.expressions.template import condition, embedded
from deployctl.lint.findings import Place
from deployctl.lint.workflow.document import (
    DocumentError,
    Mapping,
    Node,
    Scalar,
    Sequence,
    parse,
)
from deployctl.lint.workflow.values import Condition, Job, Step, Texts, Trigger, Workflow

T = TypeVar("T")


def read(data: bytes, file: str) -> Workflow:
    """Read a workflow.

    Raises:
        DocumentError: it is no YAML, no workflow, or has an expression that cannot be read.
    """
    root = _mapping(parse(data, file), "a workflow")
    jobs = root.get("jobs")
    if jobs is None or root.get("on") is None:
        raise DocumentError(root.place, "no workflow: `on` and `jobs` are missing")
    called = _entry(root.get("on"), "workflow_call")
    typed = _entry(root.get("on"), "workflow_dispatch")
    defaults = _shell(root)
    return Workflow(
        file=file,
        place=root.place,
        triggers=_triggers(root.get("on")),
        environment=_texts(root.get("env")),
        jobs={
            key.value.lower(): _job(key, value, defaults) for key, value in _mapping(jobs, "jobs")
        },
        called_inputs=_declared(called, "inputs", "default"),
        called_outputs=_values_only(_declared(called, "outputs", "value")),
        typed_inputs=frozenset(_declared(typed, "inputs", "default")),
    )


def _triggers(node: Node | None) -> dict[str, Trigger]:
    if isinstance(node, Scalar):
        return {node.value: Trigger(node.value, {})}
    if isinstance(node, Sequence):
        events = [_scalar(item, "an event").value for item in node.items]
        return {event: Trigger(event, {}) for event in events}
    found = {}
    for key, value in _mapping(node, "on"):
        filters = value if isinstance(value, Mapping) else None
        found[key.value] = Trigger(key.value, dict(_filters(filters)))
    return found


def _filters(node: Mapping | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in ("branches", "branches-ignore", "tags", "tags-ignore"):
        patterns = node.get(name) if node else None
        if patterns is not None:
            yield name, tuple(scalar.value for scalar in _list(patterns, name))


def _job(key: Scalar, node: Node, defaults: str) -> Job:
    job = _mapping(node, f"job {key.value}")
    shell = _shell(job) or defaults
    steps = job.get("steps")
    return Job(
        place=key.place,
        id=key.value.lower(),
        name=_text(job, "name"),
        needs=tuple(_list(job.get("needs"), "needs")),
        condition=_condition(job),
        continue_on_error=_optional(job, "continue-on-error"),
        runs_on=_labels(job.get("runs-on")),
        outputs=_texts(job.get("outputs")),
        environment=_texts(job.get("env")),
        steps=tuple(_step(item, shell) for item in steps.items)
        if isinstance(steps, Sequence)
        else (),
        uses=_optional(job, "uses"),
        inputs=_texts(job.get("with")),
        secrets=None
        if _text(job, "secrets") == "inherit"
        else frozenset(_texts(job.get("secrets"))),
    )


def _step(node: Node, shell: str) -> Step:
    step = _mapping(node, "a step")
    uses, run = _optional(step, "uses"), _optional(step, "run")
    if run:
        _checked(run)
    names = (_text(step, "id"), _text(step, "name"), uses.value if uses else "")
    return Step(
        place=step.place,
        id=names[0].lower(),
        name=next(filter(None, names), f"line {step.place.line}"),
        uses=uses,
        run=run,
        shell=_text(step, "shell") or shell,
        inputs=_texts(step.get("with")),
        environment=_texts(step.get("env")),
        condition=_condition(step),
        continue_on_error=_optional(step, "continue-on-error"),
    )


# ---------------------------------------------------------------- pieces


def _condition(node: Mapping) -> Condition | None:
    written = _optional(node, "if")
    if written is None or written.is_null:
        return None
    return Condition(_read(condition, written), written.place)


def _texts(node: Node | None) -> Texts:
    """Read a mapping of texts; what is no text (a matrix, an object) is nobody's tag."""
    if not isinstance(node, Mapping):
        return {}
    found = {key.value.lower(): value for key, value in node if isinstance(value, Scalar)}
    for scalar in found.values():
        _checked(scalar)
    return found


def _declared(node: Node | None, kind: str, detail: str) -> dict[str, Scalar | None]:
    """Read what `workflow_call` or `workflow_dispatch` declares, with one detail of each."""
    declared = _entry(node, kind)
    if not isinstance(declared, Mapping):
        return {}
    details = {key.value.lower(): _entry(value, detail) for key, value in declared}
    return {
        name: _checked(value) if isinstance(value, Scalar) else None
        for name, value in details.items()
    }


def _values_only(texts: dict[str, Scalar | None]) -> Texts:
    return {name: value for name, value in texts.items() if value is not None}


def _shell(node: Mapping) -> str:
    run = _entry(node.get("defaults"), "run")
    return _text(run, "shell") if isinstance(run, Mapping) else ""


def _labels(node: Node | None) -> tuple[str, ...]:
    if isinstance(node, Mapping):  # {group: …, labels: […]}
        node = node.get("labels")
    if isinstance(node, Scalar):
        return (node.value,)
    items = node.items if isinstance(node, Sequence) else ()
    return tuple(item.value for item in items if isinstance(item, Scalar))


def _list(node: Node | None, what: str) -> list[Scalar]:
    """Read a text or a list of texts."""
    if node is None:
        return []
    items = node.items if isinstance(node, Sequence) else (node,)
    return [_scalar(item, what) for item in items]


def _entry(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Mapping) else None


def _optional(node: Mapping, key: str) -> Scalar | None:
    value = node.get(key)
    return None if value is None else _scalar(value, key)


def _text(node: Mapping, key: str) -> str:
    value = node.get(key)
    return value.value if isinstance(value, Scalar) else ""


def _scalar(node: Node, what: str) -> Scalar:
    if not isinstance(node, Scalar):
        raise DocumentError(node.place, f"{what} must be a text")
    return node


def _mapping(node: Node | None, what: str) -> Mapping:
    if not isinstance(node, Mapping):
        place = node.place if node else Place("", 1, 1)
        raise DocumentError(place, f"{what} must be a mapping")
    return node


def _checked(scalar: Scalar) -> Scalar:
    _read(embedded, scalar)
    return scalar


def _read(reader: Callable[[str], T], scalar: Scalar) -> T:
    try:
        return reader(scalar.value)
    except ExpressionError as error:
        raise DocumentError(scalar.place, f"no valid expression: {error}") from None

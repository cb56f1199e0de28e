"""What must hold before anything is deployed."""

from __future__ import annotations

import pytest

from deployctl.inventory import Gates
from tests.unit.inventory.documents import document, mistake, read


def test_without_gates_only_main_may_be_deployed_from() -> None:
    assert read(document()).gates == Gates(source_refs=("refs/heads/main",), long_tags=False)


@pytest.mark.parametrize(
    "ref", ["refs/heads/main", "refs/heads/feature/x", "refs/tags/v1.0", "refs/heads/größe"]
)
def test_a_full_ref_may_be_deployed_from(ref: str) -> None:
    assert read(document(gates={"source_refs": [ref]})).gates.source_refs == (ref,)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("main", 'is not a full ref: write "refs/heads/main", for a branch'),
        ("refs/heads/*", "has a wildcard in it"),
        ("refs/pull/1/merge", "is a pull request: those never deploy"),
        ("refs/heads/", "is not the name of a branch"),
        ("refs/heads/a..b", "is not the name of a branch"),
        ("refs/heads/a.lock", "is not the name of a branch"),
        ("refs/remotes/origin/main", "is not the name of a branch"),
        ("", "is empty"),
    ],
)
def test_another_ref_is_refused_with_the_reason(ref: str, expected: str) -> None:
    assert expected in mistake(document(gates={"source_refs": [ref]}))


def test_an_empty_list_of_refs_does_not_open_the_gate() -> None:
    assert mistake(document(gates={"source_refs": []})) == "gates.source_refs: is an empty list"


@pytest.mark.parametrize("events", [["workflow_dispatch"], ["push", "workflow_run"]])
def test_events_may_be_allowed(events: list[str]) -> None:
    assert read(document(gates={"source_events": events})).gates.source_events == tuple(events)
    assert read(document(gates={"long_tags": True})).gates.source_events == (
        *("push", "workflow_dispatch", "schedule", "release", "repository_dispatch"),
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        *(
            (f"pull_request{end}", "is of a pull request, whose code nobody has merged")
            for end in ("", "_target", "_review", "_review_comment", "_of_next_year")
        ),
        ("workflow_call", "name the event of the one that calls it"),
        ("workflow-dispatch", 'starts workflows (did you mean "workflow_dispatch"?)'),
        ("", "is empty"),
        ("push\n", "has a control character in it"),
    ],
)
def test_an_event_that_may_never_is_refused_with_the_reason(event: str, expected: str) -> None:
    assert expected in mistake(document(gates={"source_events": [event]}))


def test_an_empty_list_of_events_is_a_mistake() -> None:
    assert mistake(document(gates={"source_events": []})) == "gates.source_events: is an empty list"

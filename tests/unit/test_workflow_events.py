"""What started a workflow: read from what the runner sets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl import workflow_events
from deployctl.workflow_events import Cause, WorkflowEvent

RUNNER = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "workflow_run",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REPOSITORY": "o/r",
}


def test_outside_a_workflow_there_is_no_event() -> None:
    assert workflow_events.of({**RUNNER, "GITHUB_ACTIONS": "false"}) is None
    assert workflow_events.of({}) is None


def test_an_event_is_what_the_runner_says() -> None:
    pushed = {**RUNNER, "GITHUB_EVENT_NAME": "push"}

    assert workflow_events.of(pushed, '{"workflow_run": {}}') == WorkflowEvent(
        "push", "refs/heads/main", "o/r"
    )
    assert workflow_events.of({"GITHUB_ACTIONS": "true"}) == WorkflowEvent("", "")


def test_of_a_workflow_run_the_run_that_it_follows_is_read() -> None:
    run = {"event": "push", "head_branch": "main", "head_repository": {"full_name": "o/r"}}

    found = workflow_events.of(RUNNER, json.dumps({"action": "completed", "workflow_run": run}))

    assert found is not None
    assert found.cause == Cause("push", "o/r", "main")
    assert found.code_ref == "refs/heads/main"


@pytest.mark.parametrize("payload", [None, "", "{", "[" * 100_000])
def test_without_a_payload_nothing_is_known_of_it(payload: str | None) -> None:
    found = workflow_events.of(RUNNER, payload)

    assert found is not None
    assert found.cause is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(run=JSON, repository=JSON)
def test_a_payload_of_another_shape_names_no_source(run: object, repository: object) -> None:
    known = {"event": run, "head_branch": run, "head_repository": repository}
    for payload in (run, {"workflow_run": run}, {"workflow_run": known}):
        found = workflow_events.of(RUNNER, json.dumps(payload))
        assert found is not None
        assert found.cause is not None
        assert found.cause.repository == ""

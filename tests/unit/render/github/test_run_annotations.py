"""The annotations of a run: what failed, and what is not as it should be."""

from __future__ import annotations

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deployctl import errors
from deployctl.model import State
from deployctl.render.github.job import GithubJob
from tests.unit.render.github.step import FAILED, Step, failed
from tests.unit.render.samples import (
    UNREACHABLE,
    in_sync,
    statuses,
)
from tests.workflow_runner import commands


@given(st.lists(statuses, max_size=3), st.sampled_from([0, 4, 9]))
def test_no_status_gives_a_runner_orders(rows: Any, exit_status: int) -> None:
    log = io.StringIO()

    GithubJob({}, log).status(rows, exit_status)

    assert {c.name for c in commands(log.getvalue())} <= {"error", "warning"}
    assert len(log.getvalue().splitlines()) == len(commands(log.getvalue()))


def test_a_failure_is_one_annotation_with_the_state_and_the_next_command(step: Step) -> None:
    step.render().rollout(failed(FAILED), 6)

    opened, closed, error = step.commands
    assert (opened.name, closed.name) == ("group", "endgroup")
    assert error.properties["title"] == "deployctl: failed, the previous release is back"
    assert error.data.splitlines() == [
        FAILED.message,
        f"state: {FAILED.state}",
        f"next: {FAILED.hint}",
    ]
    folded = step.err.getvalue().partition("::group::")[2].partition("::endgroup::")[0]
    assert "panic: DATABASE_URL is not set" in folded


def test_a_status_that_was_to_be_checked_fails_with_an_error_else_it_warns(step: Step) -> None:
    drifted = [in_sync(state=State.UNTRACKED), UNREACHABLE]

    step.render().status(drifted, errors.EXIT_DRIFT)
    step.render().status(drifted, errors.EXIT_UNREACHABLE)

    assert [command.name for command in step.commands] == ["error", "error", "warning", "error"]
    assert step.outputs["outcome"] == "differs"

"""The annotations of a run: what failed, and what is not as it should be."""

from __future__ import annotations

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deployctl import errors
from deployctl.compose.ending import lost
from deployctl.release.check import CheckFinding, CheckResult, Severity
from deployctl.release.results import State
from deployctl.render.github.job import GithubJob
from tests.unit.render.github.step import FAILED, RUN, Step, failed
from tests.unit.render.samples import UNREACHABLE, checks, in_sync, statuses
from tests.workflow_runner import commands

WITHOUT_FILES = ("GITHUB_OUTPUT",)
"""Where they are not set, each of them is a warning."""


@given(st.lists(statuses, max_size=3), st.sampled_from([0, 4, 9]))
def test_no_status_gives_a_runner_orders(rows: Any, exit_status: int) -> None:
    log = io.StringIO()

    GithubJob({}, log).status(rows, exit_status)

    assert {c.name for c in commands(log.getvalue())} <= {"error", "warning"}
    assert len(log.getvalue().splitlines()) == len(commands(log.getvalue()))


@given(st.lists(checks, max_size=3), st.sampled_from([0, 3, 4, 5]))
def test_no_check_gives_a_runner_orders(results: list[CheckResult], exit_status: int) -> None:
    log = io.StringIO()

    GithubJob({}, log).check(results, exit_status)

    severities = [found.severity for result in results for found in result.findings]
    said = [command.name for command in commands(log.getvalue())]
    assert said.count("error") == severities.count(Severity.PROBLEM)
    assert said.count("warning") == severities.count(Severity.WARNING) + len(WITHOUT_FILES)
    assert len(log.getvalue().splitlines()) == len(said)


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


def test_of_a_lost_connection_only_what_is_known_is_said(step: Step) -> None:
    """The host may have gone down: whether the run goes on is not known."""
    step.render().rollout(failed(lost("vps", RUN, begun=True)), errors.EXIT_UNKNOWN)

    (error,) = (command for command in step.commands if command.name == "error")
    assert error.properties["title"] == "deployctl: connection lost, the outcome is not known"


def test_a_status_that_was_to_be_checked_fails_with_an_error_else_it_warns(step: Step) -> None:
    drifted = [in_sync(state=State.UNTRACKED), UNREACHABLE]

    step.render().status(drifted, errors.EXIT_DRIFT)
    step.render().status(drifted, errors.EXIT_UNREACHABLE)

    assert [command.name for command in step.commands] == ["error", "error", "warning", "error"]
    assert step.outputs["outcome"] == "differs"


def test_a_check_annotates_problems_as_errors_and_warnings_as_such(step: Step) -> None:
    found = (
        CheckFinding("docker", "ok", Severity.OK, "Docker answers"),
        CheckFinding("disk", "disk-low", Severity.WARNING, "only 3 MiB"),
        CheckFinding(
            "registry", "registry-down", Severity.PROBLEM, "no answer", "wait, then:\ncheck"
        ),
    )

    step.render().check([CheckResult("vps", "web", found)], errors.EXIT_REFUSED)

    warning, problem = step.commands
    assert (warning.name, problem.name) == ("warning", "error")
    assert warning.properties["title"] == problem.properties["title"] == "deployctl: check"
    assert warning.data == "web on vps: only 3 MiB"
    assert problem.data == "web on vps: no answer\nnext: wait, then:\ncheck"
    assert (step.outputs["outcome"], step.outputs["exit-status"]) == ("refused", "3")
    assert step.outputs["tag"] == ""

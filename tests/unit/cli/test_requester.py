"""Who asks for a run: a person, or a workflow's run."""

from __future__ import annotations

import pytest

from deployctl.cli.requester import origin
from deployctl.release.origin import WorkflowRun


def test_a_workflow_is_recorded_with_its_actor_and_run() -> None:
    who = origin(
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "kim",
            "GITHUB_REPOSITORY": "example/web",
            "GITHUB_RUN_ID": "7",
        }
    )

    assert (who.by, who.source) == ("kim", "github-actions")
    assert who.run_url == "https://github.com/example/web/actions/runs/7"


RUN = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "example/infra",
    "GITHUB_WORKFLOW": "Deploy",
    "GITHUB_WORKFLOW_REF": "example/infra/.github/workflows/deploy.yml@refs/heads/a@refs/b",
    "GITHUB_RUN_NUMBER": "42",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SHA": 40 * "a",
}


def test_a_workflows_run_is_told_apart_by_its_file_number_and_attempt() -> None:
    run = origin(RUN).workflow_run

    path = "example/infra/.github/workflows/deploy.yml"
    assert run == WorkflowRun(path, 42, 2, 40 * "a")


def test_a_runner_that_names_no_file_is_told_by_the_workflows_name() -> None:
    run = origin({**RUN, "GITHUB_WORKFLOW_REF": ""}).workflow_run

    assert run
    assert run.workflow == "example/infra: Deploy"


@pytest.mark.parametrize("number", ["", "0", "-1", "x", "1e9", "9" * 40])
def test_a_run_without_a_usable_number_has_no_place_in_the_order(number: str) -> None:
    assert origin({**RUN, "GITHUB_RUN_NUMBER": number}).workflow_run is None


def test_a_run_without_a_usable_attempt_is_its_first() -> None:
    run = origin({**RUN, "GITHUB_RUN_ATTEMPT": "x"}).workflow_run

    assert run
    assert run.attempt == 1


def test_a_person_is_recorded_with_the_machine() -> None:
    who = origin({})

    assert who.source == "terminal"
    assert "@" in who.by
    assert who.run_url == ""

"""The gates: each lets pass, and each refuses with the rule, the evidence and what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from deployctl import workflow_events
from deployctl.errors import (
    EXIT_USAGE,
    GateResult,
)
from deployctl.inventory import Gates
from deployctl.release import gates
from deployctl.release.origin import Origin, WorkflowRun
from deployctl.release.release import Release
from deployctl.workflow_events import Cause, WorkflowEvent
from tests.unit.build import (
    WEB,
    digest,
    entry,
    image_id,
    recorded,
    release,
    tag,
)
from tests.unit.refusals import refusal

RULES = Gates()
ON_MAIN = WorkflowEvent("workflow_dispatch", "refs/heads/main")
FOLLOWING_ALLOWED = Gates(source_events=(*workflow_events.DEFAULT, "workflow_run"))
Gate = Callable[[WorkflowEvent | None, Gates], GateResult]


# ---------------------------------------------------------------- tag, digest, source, model


def test_a_commit_tag_passes() -> None:
    assert gates.tag_is_immutable(tag(1), RULES).passed


@pytest.mark.parametrize("wrong", ["latest", "main", "", "sha-ABCDEF1", "x" * 10_000])
def test_a_tag_that_can_move_is_refused(wrong: str) -> None:
    error = refusal(lambda: gates.tag_is_immutable(wrong, RULES))

    assert error.code == "tag-refused"
    assert error.message.startswith("not a release tag: ")
    assert len(error.message) < 500


def test_longer_tags_pass_where_the_inventory_says_so() -> None:
    long = "sha-" + "a" * 40

    assert gates.tag_is_immutable(long, Gates(long_tags=True)).passed
    refusal(lambda: gates.tag_is_immutable(long, RULES))


@pytest.mark.parametrize("wrong", ["", "latest", "sha256:00", digest(1)[:-1]])
def test_a_digest_that_is_none_is_wrong_usage(wrong: str) -> None:
    gates.digest_is_wellformed(digest(1))

    error = refusal(lambda: gates.digest_is_wellformed(wrong), EXIT_USAGE)

    assert ("is empty" in error.message) == (wrong == "")


def test_a_person_and_a_workflow_on_main_may_deploy() -> None:
    assert gates.source_may_deploy(None, RULES).evidence == "not in a workflow"
    assert gates.source_may_deploy(ON_MAIN, RULES).evidence == (
        "workflow_dispatch for refs/heads/main"
    )


def test_a_rollback_may_start_from_any_branch() -> None:
    elsewhere = dataclasses.replace(ON_MAIN, ref="refs/heads/feature")

    assert gates.source_may_change(None, RULES).evidence == "not in a workflow"
    assert gates.source_may_change(elsewhere, RULES).passed
    refusal(lambda: gates.source_may_deploy(elsewhere, RULES))


@pytest.mark.parametrize(
    ("ref", "evidence"),
    [
        ("refs/heads/feature", "runs for 'refs/heads/feature'"),
        ("refs/heads/main2", "allows refs/heads/main"),
        ("", "runs for ''"),
    ],
)
def test_another_ref_is_refused(ref: str, evidence: str) -> None:
    other = dataclasses.replace(ON_MAIN, ref=ref)

    error = refusal(lambda: gates.source_may_deploy(other, RULES))

    assert error.code == "source-refused"
    assert evidence in error.message


@pytest.mark.parametrize("gate", [gates.source_may_deploy, gates.source_may_change])
@pytest.mark.parametrize(
    ("event", "evidence"),
    [
        ("", "does not say which event started it"),
        ("an_event_of_next_year", "allows push, workflow_dispatch, schedule, release"),
        ("push\n", "'push\\n'"),
        *(
            (each, f"for the event {each!r}; gates.source_events")
            for each in workflow_events.OTHERS
        ),
        *(
            (f"pull_request{each}", "never changes a host: its code is not reviewed")
            for each in ("", "_target", "_review", "_review_comment", "_of_next_year")
        ),
    ],
)
def test_an_event_that_is_not_listed_is_refused(gate: Gate, event: str, evidence: str) -> None:
    error = refusal(lambda: gate(WorkflowEvent(event, "refs/heads/main"), RULES))

    assert error.code == "source-refused"
    assert evidence in error.message
    assert ("source_events = [" in error.hint) == (event in workflow_events.OTHERS)


@pytest.mark.parametrize("event", workflow_events.DEFAULT)
def test_what_only_people_with_write_access_start_may_change_a_host(event: str) -> None:
    assert gates.source_may_deploy(WorkflowEvent(event, "refs/heads/main"), RULES).passed
    assert gates.source_may_change(WorkflowEvent(event, "refs/heads/main"), RULES).passed


def test_the_list_of_the_inventory_takes_the_place_of_the_usual_one() -> None:
    rules = Gates(source_events=("issue_comment",))

    assert gates.source_may_change(WorkflowEvent("issue_comment", ""), rules).passed
    error = refusal(lambda: gates.source_may_change(ON_MAIN, rules))
    assert error.message.endswith("gates.source_events allows issue_comment")


def test_the_line_that_allows_a_workflow_run_keeps_what_was_allowed() -> None:
    follows = WorkflowEvent("workflow_run", "refs/heads/main")
    error = refusal(lambda: gates.source_may_deploy(follows, Gates(source_events=("push",))))

    assert error.hint.splitlines()[1:] == ['source_events = ["push", "workflow_run"]']
    assert "GITHUB_REF is the default branch all the same" in error.hint


def following(event: str = "push", repository: str = "o/r", branch: str = "main") -> WorkflowEvent:
    """Return a workflow_run of the repository o/r; a fork would show as another repository."""
    return WorkflowEvent("workflow_run", "refs/heads/main", "o/r", Cause(event, repository, branch))


def test_an_allowed_workflow_run_is_judged_by_the_run_that_it_follows() -> None:
    # GITHUB_REF is the default branch, which here is not the one that is deployed from.
    rules = dataclasses.replace(FOLLOWING_ALLOWED, source_refs=("refs/heads/production",))

    assert gates.source_may_deploy(following(), FOLLOWING_ALLOWED).evidence == (
        "workflow_run after push for refs/heads/main"
    )
    assert gates.source_may_deploy(following(branch="production"), rules).passed
    assert (
        "'refs/heads/main'" in refusal(lambda: gates.source_may_deploy(following(), rules)).message
    )


@pytest.mark.parametrize(
    ("event", "evidence"),
    [
        (following("pull_request"), "follows a 'pull_request' run"),
        (following("pull_request_target"), "follows a 'pull_request_target' run"),
        (following("issue_comment"), "follows a 'issue_comment' run; gates.source_events allows"),
        # It follows another one, and of that nothing is known.
        (following("workflow_run"), "allows push, workflow_dispatch"),
        (following(""), "follows a '' run"),
        (following(repository="fork/r"), "code of 'fork/r', not of this repository"),
        (following(repository=""), "not of this repository"),
        (
            dataclasses.replace(following(), cause=None),
            "does not say which run it follows (GITHUB_EVENT_PATH)",
        ),
    ],
)
def test_an_allowed_workflow_run_after_another_source_is_refused(
    event: WorkflowEvent, evidence: str
) -> None:
    for gate in (gates.source_may_deploy, gates.source_may_change):
        error = refusal(lambda gate=gate: gate(event, FOLLOWING_ALLOWED))  # type: ignore[misc]
        assert error.code == "source-refused"
        assert evidence in error.message


def test_a_workflow_run_after_a_push_to_another_branch_rolls_back_and_does_not_deploy() -> None:
    event = following(branch="feature")

    assert gates.source_may_change(event, FOLLOWING_ALLOWED).passed
    error = refusal(lambda: gates.source_may_deploy(event, FOLLOWING_ALLOWED))
    assert "'refs/heads/feature'" in error.message
    assert "github.event.workflow_run.head_branch == 'main'" in error.hint


# ---------------------------------------------------------------- the host


def test_what_is_expected_to_run_must_run() -> None:
    assert gates.current_is_expected(None, None).passed
    assert gates.current_is_expected(tag(1), release(1)).passed
    assert tag(2) in refusal(lambda: gates.current_is_expected(tag(1), release(2))).message
    assert "nothing" in refusal(lambda: gates.current_is_expected(tag(1), None)).message


# ---------------------------------------------------------------- the content


def test_what_runs_by_hand_is_shown_harmlessly() -> None:
    hostile = Release("\x1b[2J\n", image_id(1))

    assert refusal(lambda: gates.current_is_expected(tag(1), hostile)).message.isprintable()


# ---------------------------------------------------------------- order

PIPELINE = "example/infra/.github/workflows/deploy.yml"


def by_run(number: int, attempt: int = 1, workflow: str = PIPELINE) -> dict[str, Any]:
    """Return the fields of a history line that a workflow's run left."""
    return {"workflow": workflow, "run_number": number, "run_attempt": attempt, "commit": ""}


def run_of(number: int, attempt: int = 1, workflow: str = PIPELINE) -> Origin:
    """Return who asks: a run of the workflow."""
    run = WorkflowRun(workflow, number, attempt)
    return Origin("kim", "github-actions", workflow_run=run)


def test_an_older_run_never_overwrites_the_release_of_a_newer_one() -> None:
    history = recorded(entry(1, 1, **by_run(42)))

    error = refusal(lambda: gates.run_is_not_older(run_of(41, 3), history, WEB))

    assert error.code == "run-older"
    assert error.exit_status == 3
    assert "run 41, attempt 3" in error.message
    assert "run 42" in error.message
    assert tag(1) in error.message
    assert f"deployctl rollback {WEB}" in error.hint


def test_a_run_of_the_same_age_or_newer_may_deploy() -> None:
    history = recorded(entry(1, 1, **by_run(42, 2)))

    for number, attempt in ((42, 2), (42, 3), (43, 1)):
        assert gates.run_is_not_older(run_of(number, attempt), history, WEB).passed
    refusal(lambda: gates.run_is_not_older(run_of(42, 1), history, WEB))


def test_only_a_run_that_is_newer_than_all_of_its_workflow_is_news() -> None:
    history = recorded(entry(1, 1, **by_run(42, 2)))

    for run in (run_of(42, 3), run_of(43, 1), run_of(1, workflow="example/infra/other.yml")):
        assert gates.is_news(run, history, WEB)
    for run in (run_of(42, 2), run_of(42, 1), run_of(41, 9), Origin("kim", "terminal")):
        assert not gates.is_news(run, history, WEB)


def test_a_newer_run_stays_the_newest_after_a_rollback_and_a_persons_deploys() -> None:
    history = recorded(
        entry(1, 1, **by_run(40)),
        entry(2, 2, **by_run(42)),
        entry(3, 1, action="rollback"),
        entry(4, 3),
    )

    refusal(lambda: gates.run_is_not_older(run_of(41), history, WEB))
    assert gates.run_is_not_older(run_of(42, 2), history, WEB).passed


def test_runs_of_other_workflows_and_of_other_services_are_not_compared() -> None:
    other = PIPELINE.replace("infra", "other")
    history = recorded(
        entry(1, 1, **by_run(99, workflow=other)), entry(2, 1, service="worker", **by_run(99))
    )

    assert gates.run_is_not_older(run_of(1), history, WEB).passed


@pytest.mark.parametrize("event", ["restored", "broken"])
def test_a_newer_run_that_failed_leaves_nothing_to_protect(event: str) -> None:
    history = recorded(
        entry(1, 2, "started", run="r", **by_run(42)), entry(2, 2, event, run="r", **by_run(42))
    )

    assert gates.run_is_not_older(run_of(41), history, WEB).passed


@pytest.mark.parametrize("event", ["started", "interrupted"])
def test_a_newer_run_without_an_outcome_may_have_left_its_release(event: str) -> None:
    history = recorded(entry(1, 2, event, run="r", **by_run(42)))

    refusal(lambda: gates.run_is_not_older(run_of(41), history, WEB))


@pytest.mark.parametrize(
    "nonsense",
    [
        {"workflow": 7},
        {"workflow": ""},
        {"run_number": "42"},
        {"run_number": True},
        {"run_number": 10**30},
        {"run_number": -1},
        {"run_attempt": None},
        {"run_attempt": 1.5},
    ],
    ids=str,
)
def test_a_line_whose_run_is_nonsense_is_a_line_of_no_run(nonsense: dict[str, Any]) -> None:
    history = recorded({**entry(1, 1, **by_run(42)), **nonsense})

    assert history.entries[0].workflow_run is None
    assert not history.problems
    assert gates.run_is_not_older(run_of(1), history, WEB).passed


def test_whoever_is_not_in_a_workflow_has_no_order() -> None:
    history = recorded(entry(1, 1, **by_run(42)))

    assert gates.run_is_not_older(Origin("kim", "terminal"), history, WEB).passed

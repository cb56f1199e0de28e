"""The gates: each lets pass, and each refuses with the rule, the evidence and what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from deployctl import gates, workflow_events
from deployctl.compose.facts import FetchedImage, Hold
from deployctl.compose.host.wire import ScriptOutput
from deployctl.compose.project import TAG_PLACEHOLDER, ConfiguredService
from deployctl.errors import EXIT_BUSY, EXIT_REFUSED, EXIT_USAGE, DeployctlError, RefusedError
from deployctl.gates import Dependency
from deployctl.inventory import Gates, GitopsService, Registry, Signature
from deployctl.model import Health, Origin, Release, Stranger, UnfinishedRun, WorkflowRun
from deployctl.verdict import Verdict
from deployctl.workflow_events import Cause, WorkflowEvent
from tests.unit.build import (
    SERVICE,
    WEB,
    configuration,
    container,
    digest,
    entry,
    facts,
    image_id,
    recorded,
    release,
    tag,
)

RULES = Gates()
ON_MAIN = WorkflowEvent("workflow_dispatch", "refs/heads/main")
FOLLOWING_ALLOWED = Gates(source_events=(*workflow_events.DEFAULT, "workflow_run"))
Gate = Callable[[WorkflowEvent | None, Gates], Verdict]
FETCHED = FetchedImage(image_id(1), digest(1), (digest(1), digest(5)), "0000001abc")
RECORDED = recorded(entry(1, 1)).entries[0]


STATE = "/opt/infra/.deployctl"


def refusal(gate: Callable[[], object], exit_status: int = EXIT_REFUSED) -> DeployctlError:
    """Return what the gate raises; it always says what to do instead."""
    with pytest.raises(DeployctlError) as caught:
        gate()
    assert caught.value.exit_status == exit_status
    assert caught.value.hint
    assert caught.value.state == "nothing on the host was changed"
    return caught.value


# ---------------------------------------------------------------- tag, digest, source, model


def test_a_tag_is_kept_for_one_service_only() -> None:
    keeping = dataclasses.replace(SERVICE, persist=True)
    others = {"worker": ConfiguredService(f"worker:{TAG_PLACEHOLDER}", False, 1, {})}
    shared = configuration()
    shared = dataclasses.replace(shared, services={**shared.services, **others})

    assert gates.tag_is_not_shared(keeping, configuration()).passed
    assert gates.tag_is_not_shared(SERVICE, shared).passed
    with pytest.raises(RefusedError, match="worker") as caught:
        gates.tag_is_not_shared(keeping, shared)
    assert caught.value.code == "tag-shared"


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


def test_a_service_that_flux_applies_is_refused() -> None:
    assert gates.model_is_compose(SERVICE).passed
    gitops = GitopsService("web")
    assert "Git and Flux" in refusal(lambda: gates.model_is_compose(gitops)).message


# ---------------------------------------------------------------- the host


def test_a_hold_stops_and_says_who_when_and_why() -> None:
    assert gates.no_hold(facts()).passed
    held = facts(hold=Hold("kim", "2025-11-23T10:00:00Z", "audit"))

    error = refusal(lambda: gates.no_hold(held), EXIT_BUSY)

    assert "held by kim since 2025-11-23T10:00:00Z: audit" in error.message


def test_another_run_stops_unless_it_is_waited_for() -> None:
    busy = facts(holder=UnfinishedRun("r1", "sam", "deploy", WEB, tag(3), "now"))

    assert gates.not_busy(facts(), "vps", STATE, wait=0).passed
    assert gates.not_busy(busy, "vps", STATE, wait=1).passed
    error = refusal(lambda: gates.not_busy(busy, "vps", STATE, wait=0), EXIT_BUSY)
    assert f"deploy of {WEB} {tag(3)} by sam, since now" in error.message
    assert error.hint == "wait for it (--wait 10m), or watch it:\ndeployctl status"
    known = UnfinishedRun("20251123t120000z-9f3c1a07", "sam", "deploy", WEB, tag(3), "now")
    error = refusal(lambda: gates.not_busy(facts(holder=known), "vps", STATE, wait=0), EXIT_BUSY)
    assert error.hint.endswith(":\ndeployctl follow vps 20251123t120000z-9f3c1a07")


def test_a_lock_that_no_run_holds_names_who_does_and_what_to_look_at() -> None:
    taken = facts(stranger=Stranger("4711", "mallory", "'flock -x lock'"))

    assert gates.not_busy(taken, "vps", STATE, wait=1).passed
    error = refusal(lambda: gates.not_busy(taken, "vps", STATE, wait=0), EXIT_BUSY)
    assert error.code == "lock-taken"
    assert "held by no run of deployctl, but by process 4711 of mallory" in error.message
    assert error.hint.splitlines()[1:] == [
        "ps -o user,pid,lstart,args -p 4711",
        f"fuser -v {STATE}/lock",
        f"chmod go= {STATE}/lock",
    ]
    unseen = refusal(
        lambda: gates.not_busy(facts(stranger=Stranger()), "vps", STATE, wait=0), EXIT_BUSY
    )
    assert "cannot be seen with this login" in unseen.message
    assert "ps -o" not in unseen.hint


def test_what_is_expected_to_run_must_run() -> None:
    assert gates.current_is_expected(None, None).passed
    assert gates.current_is_expected(tag(1), release(1)).passed
    assert tag(2) in refusal(lambda: gates.current_is_expected(tag(1), release(2))).message
    assert "nothing" in refusal(lambda: gates.current_is_expected(tag(1), None)).message


# ---------------------------------------------------------------- the compose files


def test_an_image_that_follows_the_tag_passes() -> None:
    verdict = gates.image_follows_tag(WEB, configuration(), "IMAGE_TAG")

    assert verdict == Verdict(
        "image", True, "registry.example/web:${IMAGE_TAG} comes from a registry"
    )


def test_a_service_that_is_built_on_the_host_is_refused() -> None:
    built = configuration(builds=True)

    assert refusal(lambda: gates.image_follows_tag(WEB, built, "T")).code == "build-section"


def test_a_service_whose_image_does_not_follow_the_tag_is_refused() -> None:
    fixed = configuration(image="registry.example/web:1")
    error = refusal(lambda: gates.image_follows_tag(WEB, fixed, "IMAGE_TAG"))

    assert error.code == "tag-not-used"
    assert "${IMAGE_TAG}" in error.hint


def test_a_service_that_the_compose_files_lack_is_refused_with_those_they_have() -> None:
    error = refusal(lambda: gates.image_follows_tag("wbe", configuration(), "IMAGE_TAG"))

    assert error.code == "service-unknown"
    assert "they have: web" in error.message


# ---------------------------------------------------------------- dependencies

ABSENT = Dependency("db", "service_healthy", ())
WELL = Dependency("db", "service_healthy", (container(service="db"),))
UNWELL = Dependency("db", "service_healthy", (container(health=Health.UNHEALTHY),))
STOPPED = Dependency("db", "service_started", (container(status="exited"),))
ONE_SHOT = Dependency(
    "migrate", "service_completed_successfully", (container(status="exited", exit_code=0),)
)
FAILED = Dependency(
    "migrate", "service_completed_successfully", (container(status="exited", exit_code=1),)
)


def test_dependencies_that_are_well_or_not_there_yet_pass() -> None:
    assert gates.dependencies_are_well([]).evidence == "none"
    verdict = gates.dependencies_are_well([ABSENT, WELL, ONE_SHOT])

    assert verdict.passed
    assert "db is not there yet and is started first" in verdict.evidence
    assert gates.dependency_warnings([ABSENT, WELL, ONE_SHOT]) == ()


@pytest.mark.parametrize("dependency", [UNWELL, STOPPED, FAILED])
def test_a_dependency_that_is_unwell_refuses_a_deploy_and_warns_a_rollback(
    dependency: Dependency,
) -> None:
    error = refusal(lambda: gates.dependencies_are_well([WELL, dependency]))

    assert error.code == "dependency-unhealthy"
    assert error.message.startswith(dependency.name)
    assert dependency.name in gates.dependency_warnings([dependency])[0]


# ---------------------------------------------------------------- the content


def test_the_content_that_was_scanned_passes_under_any_of_its_digests() -> None:
    for known in (digest(1), digest(5)):
        assert gates.digest_is_expected(tag(1), known, FETCHED).passed
    assert gates.digest_is_expected(tag(1), None, FETCHED).evidence == (
        f"the registry serves {digest(1)}; no --digest"
    )


def test_other_content_than_what_was_scanned_is_refused() -> None:
    error = refusal(lambda: gates.digest_is_expected(tag(1), digest(2), FETCHED))

    assert error.code == "digest-mismatch"
    assert digest(1) in error.message
    assert digest(2) in error.message


def test_a_tag_that_moved_since_it_was_recorded_is_refused() -> None:
    moved = dataclasses.replace(
        FETCHED, image_id=image_id(2), digest=digest(2), digests=(digest(2),)
    )
    error = refusal(lambda: gates.tag_stays(tag(1), moved, RECORDED))

    assert error.code == "tag-moved"
    assert RECORDED.at in error.message


def test_the_same_content_in_another_image_store_has_not_moved() -> None:
    other_store = dataclasses.replace(FETCHED, image_id=image_id(9))

    assert gates.tag_stays(tag(1), other_store, RECORDED).passed


def test_content_without_any_digest_is_compared_by_its_id() -> None:
    bare = FetchedImage(image_id(2), "", (), "")
    line = recorded({**entry(1, 1), "digest": ""}).entries[0]

    refusal(lambda: gates.tag_stays(tag(1), bare, line))


def test_the_last_record_of_a_tag_decides_whether_it_moved() -> None:
    entries = recorded(entry(1, 1), entry(2, 2), entry(3, 1, "broken")).entries
    last = gates.recorded_content(entries, tag(1))

    assert last
    assert last.seq == 3
    assert gates.recorded_content(entries, tag(9)) is None


def test_the_revision_label_must_be_the_tags_commit() -> None:
    assert gates.revision_matches(tag(1), FETCHED).passed
    assert gates.revision_matches(tag(1), dataclasses.replace(FETCHED, revision="")).passed
    error = refusal(lambda: gates.revision_matches(tag(2), FETCHED))
    assert error.code == "revision-mismatch"
    assert "'0000001abc'" in error.message


def test_hostile_text_from_the_registry_is_shown_harmlessly() -> None:
    hostile = dataclasses.replace(FETCHED, revision="\x1b[2J::error::\n" * 50)

    assert refusal(lambda: gates.revision_matches(tag(1), hostile)).message.isprintable()


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


# ---------------------------------------------------------------- signature and registry

SIGNED = dataclasses.replace(
    FETCHED,
    signatures={
        digest(1): ScriptOutput(b"", 0),
        digest(5): ScriptOutput(b"no signatures found", 10),
    },
)
ASKED = Signature(key="PEM", annotations=(("scan", "passed"),))


def test_no_signature_is_asked_for_unless_the_inventory_does() -> None:
    assert gates.signature_verifies(FETCHED, None).passed


def test_the_signature_of_the_digest_that_was_served_passes() -> None:
    verdict = gates.signature_verifies(SIGNED, ASKED)

    assert digest(1) in verdict.evidence
    assert "scan=passed" in verdict.evidence


@pytest.mark.parametrize(
    "changes",
    [
        {"signatures": {}},
        {"digest": ""},
        {"digest": digest(5)},
        {"digest": digest(9)},
        {"signatures": {digest(1): ScriptOutput(b"", 124)}},
    ],
    ids=["none", "unknown digest", "another digest's", "not asked about", "timed out"],
)
def test_whatever_is_no_verified_signature_of_that_digest_is_refused(
    changes: dict[str, Any],
) -> None:
    found = dataclasses.replace(SIGNED, **changes)

    assert refusal(lambda: gates.signature_verifies(found, ASKED)).code == "signature-refused"


def test_a_host_that_cannot_verify_refuses_whatever_else_it_says() -> None:
    found = dataclasses.replace(SIGNED, cosign=False)

    assert refusal(lambda: gates.signature_verifies(found, ASKED)).code == "cosign-missing"


def test_a_missing_revision_label_is_refused_where_one_is_required() -> None:
    bare = dataclasses.replace(FETCHED, revision="")

    assert gates.revision_matches(tag(1), bare).passed
    error = refusal(lambda: gates.revision_matches(tag(1), bare, required=True))
    assert error.code == "revision-missing"


def test_a_login_is_for_the_registry_that_the_image_comes_from() -> None:
    ours = Registry("registry.example", "bot", "secret")
    theirs = Registry("ghcr.io", "bot", "secret")

    assert gates.image_follows_tag(WEB, configuration(), "T", ours).passed
    error = refusal(lambda: gates.image_follows_tag(WEB, configuration(), "T", theirs))
    assert error.code == "registry-mismatch"
    assert "secret" not in f"{error.message} {error.hint} {theirs!r}"

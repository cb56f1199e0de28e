"""The gates: each lets pass, and each refuses with the rule, the evidence and what to do."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deployctl.compose import gates
from deployctl.compose.container import Dependency, Need
from deployctl.compose.facts import FetchedImage
from deployctl.compose.lock import Stranger
from deployctl.compose.project import (
    COMPLETED,
    HEALTHY,
    STARTED,
    TAG_PLACEHOLDER,
    ConfiguredService,
)
from deployctl.compose.script_output import ScriptOutput
from deployctl.errors import (
    EXIT_BUSY,
    GateResult,
    RefusedError,
)
from deployctl.inventory import Registry, Signature
from deployctl.release.hold import Hold
from deployctl.release.results import Health, UnfinishedRun
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
    tag,
)
from tests.unit.refusals import refusal

FETCHED = FetchedImage(image_id(1), digest(1), (digest(1), digest(5)), "0000001abc")
RECORDED = recorded(entry(1, 1)).entries[0]
STATE = "/opt/infra/.deployctl"


# ---------------------------------------------------------------- persist


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


# ---------------------------------------------------------------- the host


def test_a_hold_stops_and_says_who_when_and_why() -> None:
    assert gates.no_hold(facts()).passed
    held = facts(hold=Hold("kim", "2025-11-23T10:00:00Z", "audit"))

    error = refusal(lambda: gates.no_hold(held), EXIT_BUSY)

    assert "held by kim since 2025-11-23T10:00:00Z: audit" in error.message


def test_another_run_stops_unless_it_is_waited_for() -> None:
    busy = facts(holder=UnfinishedRun("r1", "sam", "deploy", WEB, tag(3), "now"))

    assert gates.not_busy(facts(), "vps", SERVICE, wait=0).passed
    assert gates.not_busy(busy, "vps", SERVICE, wait=1).passed
    error = refusal(lambda: gates.not_busy(busy, "vps", SERVICE, wait=0), EXIT_BUSY)
    assert f"deploy of {WEB} {tag(3)} by sam, since now" in error.message
    assert error.hint.splitlines() == [
        "wait for it (--wait 10m), or watch it; the last line ends one that hangs:",
        "deployctl status",
        f"deployctl abort {WEB}",
    ]
    known = UnfinishedRun("20251123t120000z-9f3c1a07", "sam", "deploy", WEB, tag(3), "now")
    error = refusal(lambda: gates.not_busy(facts(holder=known), "vps", SERVICE, wait=0), EXIT_BUSY)
    assert "deployctl follow vps 20251123t120000z-9f3c1a07" in error.hint
    other = facts(holder=dataclasses.replace(known, service="worker"))
    error = refusal(lambda: gates.not_busy(other, "vps", SERVICE, wait=0), EXIT_BUSY)
    assert "abort" not in error.hint


def test_a_lock_that_no_run_holds_names_who_does_and_what_to_look_at() -> None:
    taken = facts(stranger=Stranger("4711", "mallory", "'flock -x lock'"))

    assert gates.not_busy(taken, "vps", SERVICE, wait=1).passed
    error = refusal(lambda: gates.not_busy(taken, "vps", SERVICE, wait=0), EXIT_BUSY)
    assert error.code == "lock-taken"
    assert "held by no run of deployctl, but by process 4711 of mallory" in error.message
    assert error.hint.splitlines()[1:] == [
        "ps -o user,pid,lstart,args -p 4711",
        f"fuser -v {STATE}/lock",
        f"chmod go= {STATE}/lock",
    ]
    unseen = refusal(
        lambda: gates.not_busy(facts(stranger=Stranger()), "vps", SERVICE, wait=0), EXIT_BUSY
    )
    assert "cannot be seen with this login" in unseen.message
    assert "ps -o" not in unseen.hint


# ---------------------------------------------------------------- the compose files


def test_an_image_that_follows_the_tag_passes() -> None:
    result = gates.image_follows_tag(WEB, configuration(), "IMAGE_TAG")

    assert result == GateResult(
        "image", True, "registry.example/web:${IMAGE_TAG} comes from a registry"
    )


@pytest.mark.parametrize(
    ("service", "web", "code", "says"),
    [
        (WEB, {"builds": True}, "build-section", "it would be built on the host, unscanned"),
        (WEB, {"image": "registry.example/web:1"}, "tag-not-used", ":${IMAGE_TAG}, so the tag"),
        ("wbe", {}, "service-unknown", "(they have: web)"),
    ],
)
def test_a_service_whose_image_does_not_follow_the_tag_is_refused(
    service: str, web: dict[str, Any], code: str, says: str
) -> None:
    error = refusal(lambda: gates.image_follows_tag(service, configuration(**web), "IMAGE_TAG"))

    assert error.code == code
    assert says in error.message


# ---------------------------------------------------------------- dependencies

ABSENT = Dependency("db", HEALTHY, ())
WELL = Dependency("db", HEALTHY, (container(service="db"),))
UNWELL = Dependency("db", HEALTHY, (container(health=Health.UNHEALTHY),))
BEGINS = Dependency("db", HEALTHY, (container(health=Health.STARTING),))
STOPPED = Dependency("db", STARTED, (container(status="exited"),))
ONE_SHOT = Dependency("migrate", COMPLETED, (container(status="exited", exit_code=0),))
RUNNING = Dependency("migrate", COMPLETED, (container(),))
FAILED = Dependency("migrate", COMPLETED, (container(status="exited", exit_code=1),))
OF_EACH_RELEASE = configuration().services[WEB]


def test_dependencies_that_are_well_or_not_there_yet_pass() -> None:
    assert gates.dependencies_are_well([]).evidence == "none"
    result = gates.dependencies_are_well([ABSENT, WELL, ONE_SHOT])

    assert result.passed
    assert "db is not there yet and is started first" in result.evidence
    assert gates.dependency_warnings([ABSENT, WELL, ONE_SHOT], tag(2)) == ()


@pytest.mark.parametrize("dependency", [BEGINS, RUNNING])
def test_a_dependency_that_is_on_its_way_is_waited_for(dependency: Dependency) -> None:
    assert "is waited for" in gates.dependencies_are_well([dependency]).evidence
    assert dependency.name in gates.dependency_warnings([dependency], tag(2))[0]


def test_what_has_only_to_be_started_may_still_be_getting_healthy() -> None:
    begins = dataclasses.replace(BEGINS, condition=STARTED)

    assert begins.need(tag(2)) is Need.NOTHING


def test_the_one_shot_of_another_release_is_run_and_a_rollback_says_for_which_it_ran() -> None:
    of_first = dataclasses.replace(FAILED, configured=OF_EACH_RELEASE)

    assert gates.dependencies_are_well([of_first], tag(2)).evidence == "migrate is run first"
    (warning,) = gates.dependency_warnings([of_first], tag(2))
    assert warning.startswith(f"dependency migrate ran for {tag(1)} last, and is exited (1)")


def test_a_one_shot_that_was_cut_off_before_it_began_is_not_said_to_have_run() -> None:
    made = tuple(dataclasses.replace(c, status="created") for c in FAILED.containers)
    never_ran = dataclasses.replace(FAILED, containers=made)

    (warning,) = gates.dependency_warnings([never_ran], tag(2))
    assert warning == "dependency migrate was never run: a rollback does not run it"


@pytest.mark.parametrize("dependency", [UNWELL, STOPPED, FAILED])
def test_a_dependency_that_is_unwell_refuses_a_deploy_and_warns_a_rollback(
    dependency: Dependency,
) -> None:
    error = refusal(lambda: gates.dependencies_are_well([WELL, dependency]))

    assert error.code == "dependency-unhealthy"
    assert error.message.startswith(dependency.name)
    assert dependency.name in gates.dependency_warnings([dependency], tag(2))[0]


def test_a_job_that_was_asked_for_as_a_service_is_told_what_to_ask_for() -> None:
    ended = tuple(dataclasses.replace(c, status="exited", exit_code=0) for c in FAILED.containers)
    job = dataclasses.replace(FAILED, condition="service_started", containers=ended)

    error = refusal(lambda: gates.dependencies_are_well([job]))

    assert "`condition: service_completed_successfully`" in error.hint
    others = refusal(lambda: gates.dependencies_are_well([UNWELL, FAILED]))
    assert "condition:" not in others.hint


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
    result = gates.signature_verifies(SIGNED, ASKED)

    assert digest(1) in result.evidence
    assert "scan=passed" in result.evidence


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

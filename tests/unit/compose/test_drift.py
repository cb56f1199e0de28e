"""How what runs relates to what was recorded: each state, and what status says beside it."""

from __future__ import annotations

import dataclasses

import pytest

from deployctl.compose import drift
from deployctl.compose.container import ComposeContainer, LocalImage
from deployctl.compose.facts import HostFacts
from deployctl.release.hold import Hold
from deployctl.release.record import INTERRUPTED, STARTED, History, parse
from deployctl.release.reference import Reference
from deployctl.release.release import Release
from deployctl.release.results import Health, State, StatusResult, UnfinishedRun
from tests.unit import build
from tests.unit.build import (
    IN_ORDER,
    REPOSITORY,
    SERVICE,
    WEB,
    container,
    digest,
    entry,
    facts,
    image,
    image_id,
    recorded,
    release,
    successes,
    tag,
)


def status(found: HostFacts) -> StatusResult:
    return drift.judge(found, SERVICE, "vps")


SECOND = container(2, id="c2", name="infra-web-2")
LEFT_OVER = container(
    3,
    name="0123456789ab_infra-web-1",
    status="created",
    started_at="0001-01-01T00:00:00Z",
    replaces=True,
)


def test_the_recorded_release_that_runs_and_is_healthy_is_in_sync() -> None:
    found = status(IN_ORDER)

    assert found.state is State.IN_SYNC
    assert found.running == release(2)
    assert found.recorded == release(2)
    assert found.health == "healthy"
    assert found.deployed_by == "kim"
    assert found.rollback
    assert found.rollback.release == release(1)
    assert found.rollback_image_present


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (facts(container(9), history=successes(1, 2)), State.UNTRACKED),
        (facts(container(2)), State.UNTRACKED),
        (facts(container(2, image_id=image_id(9)), history=successes(1, 2)), State.MOVED),
        (facts(container(1), SECOND, history=successes(1, 2)), State.MIXED),
        (facts(container(2, health=Health.UNHEALTHY), history=successes(2)), State.UNHEALTHY),
        (facts(container(2, health=Health.STARTING), history=successes(2)), State.UNHEALTHY),
        (facts(container(2, status="restarting"), history=successes(2)), State.UNHEALTHY),
        (facts(container(2, recent_restarts=3), history=successes(2)), State.UNHEALTHY),
        (facts(container(2, recent_restarts=2), history=successes(2)), State.IN_SYNC),
        (facts(container(2), LEFT_OVER, history=successes(1, 2)), State.IN_SYNC),
        (facts(LEFT_OVER, history=successes(1, 2)), State.NOT_RUNNING),
        (
            facts(container(2), dataclasses.replace(SECOND, status="exited"), history=successes(2)),
            State.UNHEALTHY,
        ),
        (facts(container(2, status="exited"), history=successes(1, 2)), State.NOT_RUNNING),
        (facts(history=successes(1, 2)), State.NOT_RUNNING),
        (facts(), State.NOT_RUNNING),
        (
            facts(container(2), history=recorded(entry(1, 2), entry(2, 3, STARTED))),
            State.INTERRUPTED,
        ),
        (
            facts(
                container(2),
                history=recorded(entry(1, 2), entry(2, 3, STARTED)),
                holder=UnfinishedRun(service=WEB),
            ),
            State.DEPLOYING,
        ),
        (dataclasses.replace(IN_ORDER, holder=UnfinishedRun()), State.DEPLOYING),
        (dataclasses.replace(IN_ORDER, holder=UnfinishedRun(service="other")), State.IN_SYNC),
        (
            facts(
                container(2),
                history=recorded(entry(1, 2), entry(2, 3, STARTED, service="other")),
            ),
            State.IN_SYNC,
        ),
        (
            facts(
                container(2),
                history=recorded(
                    entry(1, 2), entry(2, 3, STARTED, run="r"), entry(3, 3, INTERRUPTED, run="r")
                ),
            ),
            State.IN_SYNC,
        ),
    ],
)
def test_each_state_has_its_cause(found: HostFacts, state: State) -> None:
    assert status(found).state is state


def test_the_same_content_in_another_image_store_is_in_sync() -> None:
    row = dataclasses.replace(image(2), image_id=image_id(7))
    found = facts(
        container(2, image_id=image_id(7)), history=successes(1, 2), images=(row, image(1))
    )

    assert status(found).state is State.IN_SYNC
    assert status(found).running == Release(tag(2), image_id(7), digest(2))


def test_containers_of_other_projects_and_one_off_runs_do_not_matter() -> None:
    others = (
        container(9, project="other"),
        container(9, service="worker"),
        container(9, one_off=True),
    )
    found = dataclasses.replace(IN_ORDER, containers=(container(2), *others))

    assert status(found).state is State.IN_SYNC


def test_what_was_started_by_hand_has_the_digest_that_docker_knows() -> None:
    found = facts(container(9), history=successes(1), images=(image(9),))

    assert status(found).running == release(9)


@pytest.mark.parametrize(
    ("containers", "word"),
    [
        ([container(1)], "healthy"),
        ([container(1), container(1, health=Health.UNHEALTHY)], "unhealthy"),
        ([container(1), container(1, health=Health.STARTING)], "starting"),
        ([container(1), container(1, status="exited")], "exited"),
        ([container(1, health=Health.NONE)], "no health check"),
        ([container(1, health=Health.NONE, recent_restarts=3)], "restarting"),
        ([], ""),
    ],
)
def test_the_worst_health_is_shown(containers: list[object], word: str) -> None:
    assert status(facts(*containers)).health == word  # type: ignore[arg-type]


def test_why_there_is_no_way_back_is_said() -> None:
    found = status(facts(container(1), history=successes(1)))

    assert found.rollback is None
    assert "oldest release" in found.rollback_refusal
    assert not found.rollback_image_present


def test_a_way_back_whose_image_is_gone_is_said_to_be() -> None:
    found = status(dataclasses.replace(IN_ORDER, images=(image(2),)))

    assert found.rollback
    assert not found.rollback_image_present


def test_a_hold_and_a_holder_are_shown_beside_the_state() -> None:
    found = status(
        dataclasses.replace(
            IN_ORDER,
            hold=Hold("kim", "now", "audit"),
            holder=UnfinishedRun("r", "sam", service="other"),
        )
    )

    assert found.hold == "held by kim since now: audit"
    assert "by sam" in found.busy


def test_a_run_that_was_killed_is_named_and_not_the_one_that_goes_on() -> None:
    lines = entry(1, 2), entry(2, 3, STARTED, run="old"), entry(3, 4, STARTED, run="new")
    found = facts(container(2), history=recorded(*lines))

    killed = status(found)
    assert (killed.state, killed.run_in_progress) == (State.INTERRUPTED, None)
    assert killed.interrupted_run
    assert (killed.interrupted_run.run, killed.interrupted_run.tag) == ("new", tag(4))

    holder = UnfinishedRun("new", "sam", "deploy", WEB, tag(4), "now")
    going_on = status(dataclasses.replace(found, holder=holder))
    assert (going_on.state, going_on.run_in_progress) == (State.DEPLOYING, holder)
    assert going_on.interrupted_run
    assert going_on.interrupted_run.run == "old"


def test_while_a_deploy_runs_the_way_back_is_what_undoes_it() -> None:
    """As `rollback --wait` does it then, whether or not the containers are new already."""
    holder = UnfinishedRun("r", "sam", "deploy", WEB, tag(3), "now")

    quiet, deployed = status(IN_ORDER), status(dataclasses.replace(IN_ORDER, holder=holder))

    assert quiet.rollback
    assert deployed.rollback
    assert (quiet.rollback.release, deployed.rollback.release) == (release(1), release(2))


def test_what_is_left_over_is_told_with_what_becomes_of_it() -> None:
    (note,) = status(dataclasses.replace(IN_ORDER, containers=(container(2), LEFT_OVER))).notes

    assert note.startswith("left over from a recreate")
    assert "never started: 0123456789ab_infra-web-1. The next deploy or rollback" in note


@pytest.mark.parametrize(
    ("container_now", "down"), [(container(1, status="exited"), True), (container(1), False)]
)
def test_a_service_that_a_run_left_down_is_said_to_be(
    container_now: ComposeContainer, down: bool
) -> None:
    history = recorded(entry(1, 1), entry(2, 2, STARTED))

    found = status(facts(container_now, history=history))

    assert found.state is State.INTERRUPTED
    assert any("the service is down" in note for note in found.notes) is down


def test_what_may_run_under_another_path_is_not_said_to_be_down() -> None:
    elsewhere = container(2, working_directory="/srv/link/compose")
    history = recorded(entry(1, 1), entry(2, 2, STARTED))

    found = status(facts(elsewhere, history=history, configuration=None))

    assert not any("the service is down" in note for note in found.notes)


def test_whose_containers_those_of_another_directory_are_is_not_guessed() -> None:
    elsewhere = container(2, working_directory="/srv/link/compose")

    unresolved = status(facts(elsewhere, configuration=None, history=successes(2)))
    resolved = status(facts(elsewhere, history=successes(2)))

    assert unresolved.state is State.NOT_RUNNING
    assert "only its compose files tell" in unresolved.notes[-1]
    assert (resolved.state, resolved.notes) == (State.IN_SYNC, ())


def test_problems_of_the_history_are_told() -> None:
    found = status(dataclasses.replace(IN_ORDER, history=recorded(entry(1, 1), entry(5, 2))))

    assert "numbering is broken" in found.notes[0]


def test_the_youngest_container_says_since_when() -> None:
    late = dataclasses.replace(SECOND, started_at="2025-11-23T11:00:00Z")

    assert status(facts(container(2), late)).since == "2025-11-23T11:00:00Z"
    assert status(facts()).since == ""


def test_an_image_without_a_tag_is_something_else() -> None:
    by_digest = container(2, reference=Reference(REPOSITORY, "", digest(2)))

    assert status(facts(by_digest, history=successes(2))).state is State.UNTRACKED


def test_what_is_kept_and_not_recorded_is_all_that_a_lost_history_leaves() -> None:
    kept = tuple(
        LocalImage(build.image_id(number), f"deployctl/{repository}", name, "<none>")
        for number, repository, name in [
            *((4, "infra/web", tag(4)), (3, "infra/web", tag(3)), (2, "infra/web", tag(2))),
            *((2, "web", tag(2)), (9, "infra/web", "latest"), (1, "web", tag(1))),
            (6, "infra/web", f"{tag(6)}-fetched-2"),
        ]
    )
    other = LocalImage(build.image_id(5), "deployctl/staging/web", tag(5), "<none>")
    found = build.facts(
        build.container(4),
        images=(*kept, other),
        history=build.recorded(build.entry(1, 3, "broken")),
    )

    unrecorded = drift.kept_unrecorded(found, build.WEB)

    assert unrecorded == (tag(2), tag(1))
    said = drift.deploy_of_kept(unrecorded, build.WEB)
    assert f"{tag(2)}, {tag(1)}. " in said
    assert said.endswith(f"deployctl deploy web {tag(2)}")


# ---------------------------------------------------------------- nothing recorded


@pytest.mark.parametrize(
    ("read", "why"),
    [
        (History(), "no deploy of it has succeeded here yet"),
        (History(readable=False), "the history is there but cannot be read"),
        (parse(b"\0 garbage\n"), "no success is in the part of the history that can be read"),
        (
            parse(b'{"v":1}\n', size=9000),
            "no success is in the part of the history that can be read",
        ),
    ],
)
def test_only_a_history_that_was_read_whole_says_that_nothing_ever_succeeded(
    read: History, why: str
) -> None:
    found = status(facts(container(2), history=read))

    state = State.UNTRACKED if read.readable else State.UNREADABLE
    assert (found.state, found.recorded, found.unrecorded) == (state, None, why)


def test_where_a_success_is_recorded_there_is_nothing_to_explain() -> None:
    assert status(IN_ORDER).unrecorded == ""

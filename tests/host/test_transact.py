"""The transaction: what it changes on good days, and puts back on bad."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from deployctl.errors import (
    BrokenError,
    DeployctlError,
    RefusedError,
    RestoredError,
)
from deployctl.release.release import Action
from deployctl.release.results import State
from tests.host.fake_host import (
    DB,
    REPOSITORY,
    WEB,
    FakeHost,
    Flavour,
    one_shell,
)
from tests.unit.build import image_id, tag

# ---------------------------------------------------------------- the main job


def test_a_first_deploy_starts_what_the_service_needs_and_then_the_service(empty: FakeHost) -> None:
    result = empty.deploy(1)

    assert result.outcome == "succeeded"
    assert empty.serves() == 1
    assert [c["status"] for c in empty.containers(DB)] == ["running"]
    assert empty.events() == ["started 1", "succeeded 1"]
    assert empty.status() is State.IN_SYNC


def test_a_deploy_recreates_the_service_and_nothing_else(host: FakeHost) -> None:
    before = host.containers(DB)
    host.deploy(3)

    assert host.serves() == 3
    assert host.containers(DB) == before
    assert host.lines()[-1]["previous"]["tag"] == tag(2)


def test_a_rollback_goes_back_with_the_registry_gone(host: FakeHost) -> None:
    for path in (host.fake / "registry").rglob("web:*"):
        path.unlink()

    result = host.rollback()

    assert result.release.tag == tag(1)
    assert host.serves() == 1
    assert host.calls("fetch") == []


@pytest.mark.slow
def test_busybox_alone_does_the_main_job(flavours: dict[str, Flavour], tmp_path: Path) -> None:
    host = FakeHost.make(tmp_path / "host", flavours["busybox"])

    host.deploy(1)

    assert host.serves() == 1
    assert host.status() is State.IN_SYNC


@one_shell
def test_rollback_with_nothing_to_go_back_to_is_refused(empty: FakeHost) -> None:
    empty.deploy(1)

    with pytest.raises(RefusedError) as caught:
        empty.rollback()

    assert caught.value.code == "no-older-success"


def test_the_action_is_recorded(host: FakeHost) -> None:
    host.run(host.plan(1, Action.ROLLBACK))

    assert host.lines()[-1]["action"] == "rollback"


# ---------------------------------------------------------------- releases that fail


@one_shell
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("unhealthy", "unhealthy"),
        ("exits", "exited"),
        ("loops", "crash-loop"),
        ("never", "health-timeout"),
    ],
)
def test_a_broken_release_is_put_back_and_its_last_words_are_shown(
    host: FakeHost, behaviour: str, reason: str
) -> None:
    host.push(3, behaviour)
    host.service = dataclasses.replace(host.service, health_timeout=1.0, stable=0.5)

    with pytest.raises(RestoredError) as caught:
        host.deploy(3)

    assert host.serves() == 2
    assert host.events()[-2:] == ["started 3", "restored 3"]
    assert host.lines()[-1]["reason"] == reason
    assert "panic: no luck today" in caught.value.details
    told = "did not get healthy within 1 s (health_timeout)" in caught.value.message
    assert told == (reason == "health-timeout")


@one_shell
def test_a_broken_first_deploy_says_that_a_person_is_needed(empty: FakeHost) -> None:
    empty.push(1, "unhealthy")

    with pytest.raises(BrokenError):
        empty.deploy(1)

    assert empty.events() == ["started 1", "broken 1"]


@one_shell
def test_an_image_that_vanished_meanwhile_leaves_the_service_untouched(host: FakeHost) -> None:
    host.fetch(3)
    plan = host.plan(3)
    (host.fake / "images" / image_id(3)).unlink()
    before = host.containers()

    with pytest.raises(RestoredError):
        host.run(plan)

    assert host.containers() == before
    assert host.lines()[-1]["reason"] == "tag-failed"


@one_shell
def test_a_dependency_that_cannot_be_started_leaves_the_service_untouched(host: FakeHost) -> None:
    host.fetch(3)
    plan = dataclasses.replace(host.plan(3), dependencies=("cache",))
    host.write("services/cache", "infra 1 cache:1")
    before = host.containers()

    with pytest.raises(RestoredError):
        host.run(plan)

    assert host.containers() == before
    assert host.lines()[-1]["reason"] == "dependency-failed"


@one_shell
def test_a_failed_deploy_of_other_content_under_the_running_tag_puts_the_tag_back(
    host: FakeHost,
) -> None:
    host.write(f"images/{image_id(7)}", f"healthy - sha256:{7:064x} {REPOSITORY}")
    plan = host.plan(2)
    moved = dataclasses.replace(
        plan,
        release=dataclasses.replace(plan.release, image_id=image_id(7)),
        dependencies=("cache",),
    )
    host.write("services/cache", "infra 1 cache:1")

    with pytest.raises(RestoredError):
        host.run(moved)

    assert host.serves() == 2
    assert host.tagged(2) == 2


def test_what_compose_left_half_done_is_removed(host: FakeHost) -> None:
    host.fetch(3)
    plan = host.plan(3)
    host.forget_calls()
    up = 6
    host.break_at("transact", up, "half")

    with pytest.raises(RestoredError):
        host.run(plan)

    assert " up " in host.calls("transact")[up - 1]
    assert host.serves() == 2
    assert [c["name"] for c in host.containers()] == ["infra-web-1"]


@one_shell
def test_a_restore_uses_the_configuration_that_the_release_ran_with(host: FakeHost) -> None:
    host.configure(labels={"changed": "yes"})
    host.push(3, "unhealthy")

    with pytest.raises(RestoredError):
        host.deploy(3)

    run = [line["run"] for line in host.lines() if line["tag"] == tag(2)][-1]
    assert [c["made_with"] for c in host.containers()] == [f"{host.state}/releases/{WEB}/{run}.yml"]


@one_shell
def test_an_old_release_that_cannot_come_back_is_said_to_be_broken(host: FakeHost) -> None:
    host.push(3, "unhealthy")
    host.fetch(3)
    plan = host.plan(3)
    host.push(2, "exits")

    with pytest.raises(BrokenError) as caught:
        host.run(plan)

    assert "could not be put back" in caught.value.state
    assert host.events()[-1] == "broken 3"


# ---------------------------------------------------------------- health


@one_shell
def test_a_release_that_needs_time_to_get_healthy_gets_it(host: FakeHost) -> None:
    host.push(3, "slow")

    assert host.deploy(3).outcome == "succeeded"


@one_shell
def test_a_service_without_a_health_check_must_stay_up(host: FakeHost) -> None:
    host.push(3, "nocheck")
    host.service = dataclasses.replace(host.service, stable=0.5)

    host.deploy(3)

    assert host.lines()[-1]["seconds"] >= 0.5


@one_shell
def test_all_containers_of_a_scaled_service_must_be_healthy(host: FakeHost) -> None:
    host.write("services/web", f"infra 3 {REPOSITORY}:@TAG@")
    host.configure(scale=3)

    host.deploy(3)

    assert host.serves() == 3
    assert len(host.containers()) == 3


@one_shell
@pytest.mark.slow
def test_a_scaled_service_that_lacks_a_container_is_not_healthy(host: FakeHost) -> None:
    host.configure(scale=2)
    host.service = dataclasses.replace(host.service, health_timeout=0.4)

    with pytest.raises(DeployctlError):
        host.deploy(3)

    assert host.lines()[-1]["reason"] == "health-timeout"

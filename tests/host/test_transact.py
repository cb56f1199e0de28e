"""The transaction: what it changes on good days, and puts back on bad."""

from __future__ import annotations

import contextlib
import dataclasses
from itertools import takewhile
from pathlib import Path

import pytest

from deployctl.compose.container import Need
from deployctl.compose.host import transact
from deployctl.compose.plan import FirstNeed
from deployctl.compose.project import COMPLETED, HEALTHY, STARTED
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
    wait_until_tidy,
)
from tests.host.test_abort import change_script
from tests.host.test_guard import call_number
from tests.unit.build import digest, image_id, tag

CACHE = FirstNeed("cache", Need.START, STARTED)
ONE_SHOT = FirstNeed("cache", Need.RUN, COMPLETED)

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
    seconds = 1.0 if reason == "health-timeout" else 30.0
    host.service = dataclasses.replace(host.service, health_timeout=seconds, stable=0.5)

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
    plan = dataclasses.replace(host.plan(3), dependencies=(CACHE,))
    host.write("services/cache", "infra 1 cache:1")
    before = host.containers()

    with pytest.raises(RestoredError):
        host.run(plan)

    assert host.containers() == before
    assert host.lines()[-1]["reason"] == "dependency-failed"


@one_shell
@pytest.mark.parametrize(
    ("condition", "behaviour", "reason"),
    [
        (COMPLETED, "exits", ""),
        (COMPLETED, "healthy", "dependency-incomplete"),
        (HEALTHY, "slow", ""),
        (HEALTHY, "never", "dependency-unhealthy"),
        (STARTED, "never", ""),
    ],
)
def test_all_containers_of_a_dependency_are_waited_for_as_the_compose_files_ask(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, condition: str, behaviour: str, reason: str
) -> None:
    seconds = 1.0 if reason else 30.0
    monkeypatch.setattr(transact, "COMPLETION_LIMIT", seconds)
    host.service = dataclasses.replace(host.service, health_timeout=seconds)
    host.write(f"images/{image_id(98)}", f"{behaviour} - {digest(98)} cache")
    host.write("tags/cache:1", image_id(98))
    host.write("services/cache", "infra 2 cache:1")
    host.fetch(3)
    need = Need.RUN if condition == COMPLETED else Need.START
    plan = dataclasses.replace(host.plan(3), dependencies=(FirstNeed("cache", need, condition),))

    with contextlib.nullcontext() if not reason else pytest.raises(RestoredError):
        host.run(plan)

    assert host.lines()[-1]["reason"] == reason
    assert host.serves() == (2 if reason else 3)
    assert len(host.containers("cache")) == 2


@one_shell
def test_a_failed_deploy_of_other_content_under_the_running_tag_puts_the_tag_back(
    host: FakeHost,
) -> None:
    host.write(f"images/{image_id(7)}", f"healthy - sha256:{7:064x} {REPOSITORY}")
    plan = host.plan(2)
    moved = dataclasses.replace(
        plan,
        release=dataclasses.replace(plan.release, image_id=image_id(7)),
        dependencies=(CACHE,),
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
    last_up = 11
    host.break_at("transact", 1, "half", last=last_up)

    with pytest.raises(RestoredError):
        host.run(plan)

    assert " up " in host.calls("transact")[last_up - 1]
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
    host.service = dataclasses.replace(host.service, health_timeout=30.0)

    assert host.deploy(3).outcome == "succeeded"


@one_shell
def test_restarts_from_before_the_run_are_no_crash_loop(host: FakeHost) -> None:
    (before,) = host.containers()
    host.write(f"containers/{before.pop('id')}", " ".join({**before, "restarts": "4"}.values()))
    host.configure(labels={"changed": "yes"})

    assert host.deploy(2).outcome == "succeeded"


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


@one_shell
@pytest.mark.slow
def test_what_only_has_to_stay_up_gets_its_time_whatever_the_health_timeout(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, health_timeout=0.5, stable=None)
    host.push(3, "nocheck")

    host.deploy(3)

    assert host.serves() == 3


@one_shell
def test_each_look_at_the_health_is_one_call_of_docker(host: FakeHost) -> None:
    host.push(3, "never")
    host.fetch(3)
    host.service = dataclasses.replace(host.service, health_timeout=0.5)

    with pytest.raises(RestoredError):
        host.run(host.plan(3))

    calls = host.calls("transact")
    up = next(number for number, call in enumerate(calls) if " up " in call)
    listed, *after = calls[up + 1 :]
    assert listed.startswith("docker ps ")
    assert len(list(takewhile(lambda call: call.startswith("docker inspect "), after))) > 2


@one_shell
def test_docker_that_is_away_when_it_is_asked_for_its_time_is_asked_again(host: FakeHost) -> None:
    host.push(3, "exits")
    host.fetch(3)
    host.break_at("transact", call_number(host, "docker info"), "fail")

    with pytest.raises(RestoredError):
        host.run(host.plan(3))

    asked = [call for call in host.calls("transact") if call.startswith("docker events")]
    assert asked
    assert not any("--until  " in call for call in asked)


@one_shell
def test_what_ends_while_docker_is_away_is_waited_for_and_started_again(host: FakeHost) -> None:
    host.fetch(3)
    host.write("ending", host.containers()[0]["id"])
    twin = host.copy(host.root.parent / "ending")
    wait = calls_of_a_failed_up(twin).index("docker wait") + 1

    calls_of_a_failed_up(host, away_at=wait)

    assert not (host.fake / "ending").exists()
    assert (host.lines()[-1]["rung"], host.serves()) == ("started", 2)


@one_shell
def test_what_may_be_ending_is_waited_for_where_docker_has_forgotten(host: FakeHost) -> None:
    host.fetch(3)
    host.write("ending", host.containers()[0]["id"])
    host.write("busy", "")

    calls_of_a_failed_up(host)

    assert not (host.fake / "ending").exists()
    assert (host.lines()[-1]["rung"], host.serves()) == ("started", 2)


def calls_of_a_failed_up(host: FakeHost, *, away_at: int = 0) -> list[str]:
    """The first two words of each call of a deploy that cannot make its container."""
    (host.fake / "services/web").rename(host.fake / "services/gone")
    host.forget_calls()
    if away_at:
        host.break_at("transact", away_at, "docker-dead", last=away_at + 1)
    with pytest.raises(RestoredError):
        host.run(host.plan(3))
    return [" ".join(call.split()[:2]) for call in host.calls("transact")]


@one_shell
@pytest.mark.parametrize(("kind", "ends_well"), [("docker-dead", True), ("fail-after", False)])
def test_a_one_shot_is_tried_again_only_where_docker_was_away_before_it_ran(
    host: FakeHost, kind: str, ends_well: bool
) -> None:
    host.write(f"images/{image_id(98)}", f"exits - {digest(98)} cache")
    host.write("tags/cache:1", image_id(98))
    host.write("services/cache", "infra 1 cache:1")
    host.fetch(3)
    twin = host.copy(host.root.parent / "twin")
    deploy_with_a_one_shot(twin)
    host.break_at("transact", ups_of_cache(twin)[0], kind)

    with contextlib.nullcontext() if ends_well else pytest.raises(RestoredError):
        deploy_with_a_one_shot(host)

    assert len(ups_of_cache(host)) == 1 + ends_well
    assert host.lines()[-1]["reason"] == ("" if ends_well else "dependency-failed")


def deploy_with_a_one_shot(host: FakeHost) -> None:
    host.forget_calls()
    host.run(dataclasses.replace(host.plan(3), dependencies=(ONE_SHOT,)))


def ups_of_cache(host: FakeHost) -> list[int]:
    """Which calls start it."""
    calls = enumerate(host.calls("transact"), 1)
    return [n for n, call in calls if " up -d " in call and call.endswith("cache")]


@one_shell
def test_containers_of_two_releases_are_left_alone_where_nothing_was_changed(
    host: FakeHost,
) -> None:
    """A deploy that was cut off has left them, and both serve."""
    (first,) = host.containers()
    second = (host.fake / f"containers/{first['id']}").read_text().replace(image_id(2), image_id(1))
    host.write(f"containers/{77:064x}", second.replace("web-1", "web-2").strip())
    host.fetch(3)
    plan = host.plan(3)
    (host.fake / f"images/{image_id(3)}").unlink()

    with pytest.raises(DeployctlError):
        host.run(plan)

    stops = [call for call in host.calls("transact") if call.startswith("docker stop")]
    assert stops == []


@one_shell
def test_a_configuration_that_was_written_in_part_is_not_kept(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_script(monkeypatch, ('sed "s/$placeholder/$tag/g" >', "{ head -c 9; false; } >"))

    host.deploy(3)

    kept = host.state / "releases" / WEB
    assert host.serves() == 3
    assert not (kept / f"{host.lines()[-1]['run']}.yml").exists()


@one_shell
def test_where_a_release_cannot_be_kept_what_was_fetched_stays(host: FakeHost) -> None:
    keep = call_number(host, f"docker tag {image_id(3)} deployctl/")
    host.break_at("transact", keep, "docker-dead", last=keep + 2)

    host.deploy(3)
    wait_until_tidy(host)

    assert tag(3) in host.kept()

"""What a run that failed leaves serving: the least is done, and what is well stays."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest

from deployctl.compose.container import Need
from deployctl.compose.kept_images import Outdated
from deployctl.compose.plan import FirstNeed
from deployctl.compose.project import STARTED
from deployctl.errors import BrokenError, RestoredError
from deployctl.release.release import Action
from tests.host.fake_host import REPOSITORY, WEB, FakeHost, one_shell, wait_until_tidy
from tests.unit.build import digest, image_id, tag

CACHE = FirstNeed("cache", Need.START, STARTED)
FOREIGN = 88
MADE = f"{image_id(FOREIGN)} infra-web:latest"


def make_sick(host: FakeHost) -> None:
    """Let the release that serves get unhealthy."""
    (serving,) = host.containers()
    path = host.fake / "containers" / serving["id"]
    path.write_text(path.read_text().replace(" healthy ", " unhealthy "))


def up_call(host: FakeHost) -> int:
    """Return which call of a run is the `up` of the service."""
    calls = enumerate(host.calls("transact"), 1)
    return next(n for n, call in calls if " up " in call and call.endswith(WEB))


# ---------------------------------------------------------------- a part of it serves


@one_shell
def test_the_part_that_serves_again_is_not_taken_down_for_the_rest(host: FakeHost) -> None:
    """Two containers; somebody took the port of the second while it was stopped."""
    host.write("services/web", f"infra 2 {REPOSITORY}:@TAG@")
    host.configure(scale=2)
    host.deploy(2)
    wait_until_tidy(host)
    host.fetch(3)
    host.forget_calls()
    host.write("stuck", "infra-web-2")

    with pytest.raises(BrokenError) as caught:
        host.run(host.plan(3))

    assert [each["status"] for each in host.containers()] == ["running", "created"]
    assert not any("--force-recreate" in call for call in host.calls("transact"))
    last = host.lines()[-1]
    assert (last["event"], last["serves"]) == ("broken", tag(2))
    assert caught.value.state == (
        f"{tag(2)} runs and is healthy, but not all of its containers do (docker compose up "
        "failed): a person is needed"
    )


@one_shell
@pytest.mark.parametrize(("behaviour", "rung"), [("exits", "made"), ("", "untouched")])
def test_what_is_well_when_docker_is_back_is_not_made_anew(
    host: FakeHost, behaviour: str, rung: str
) -> None:
    """Docker is away for longer than it is waited for health, while the old release comes back."""
    host.service = dataclasses.replace(host.service, health_timeout=0.5)
    host.push(3, behaviour or "healthy")
    host.fetch(3)
    if not behaviour:  # nothing can be made of it
        (host.fake / "services/web").rename(host.fake / "services/gone")
    twin = host.copy(host.root.parent / "twin")
    host.forget_calls()
    with pytest.raises(RestoredError):
        twin.run(twin.plan(3))
    wait_until_tidy(twin)
    looks = [n for n, call in enumerate(twin.calls("transact"), 1) if ".RestartCount}}" in call]
    host.break_at("transact", looks[-1], "docker-dead", last=9999)
    threading.Timer(2, host.mend).start()

    with pytest.raises(RestoredError):
        host.run(host.plan(3))

    assert (host.lines()[-1]["rung"], host.serves()) == (rung, 2)
    ups = [call for call in host.calls("transact") if " up " in call]
    assert len(ups) == len([call for call in twin.calls("transact") if " up " in call])


# ---------------------------------------------------------------- nothing well served before


@one_shell
def test_a_rollback_from_a_sick_release_stays_where_the_run_is_killed_then(host: FakeHost) -> None:
    make_sick(host)
    twin = host.copy(host.root.parent / "twin")
    twin.run(twin.plan(1, Action.ROLLBACK))
    host.break_at("transact", up_call(twin) + 1, "kill-shell")

    host.run(host.plan(1, Action.ROLLBACK))

    last = host.lines()[-1]
    assert (last["event"], last["reason"], last["serves"]) == ("succeeded", "killed", tag(1))
    assert host.serves() == 1


@one_shell
def test_a_rollback_from_a_sick_release_stays_though_its_tag_cannot_be_kept(host: FakeHost) -> None:
    make_sick(host)
    host.service = dataclasses.replace(host.service, persist=True)
    plan = host.plan(1, Action.ROLLBACK)
    (host.project_directory / f".env.deployctl-{plan.run}").mkdir()

    with pytest.raises(BrokenError):
        host.run(plan)

    last = host.lines()[-1]
    assert (last["event"], last["reason"], last["serves"]) == ("broken", "persist-failed", tag(1))
    assert host.serves() == 1


@one_shell
def test_a_first_release_whose_run_is_killed_gets_its_time_to_get_healthy(empty: FakeHost) -> None:
    empty.service = dataclasses.replace(empty.service, health_timeout=60.0)
    twin = empty.copy(empty.root.parent / "twin")
    twin.deploy(1)
    empty.push(1, "never")
    empty.fetch(1)
    plan = empty.plan(1)
    empty.break_at("transact", up_call(twin) + 1, "kill-shell")

    def get_healthy_late() -> None:
        # A look each 0.05 s: longer than a run that had its time would wait again.
        give_up = time.monotonic() + 60
        while len(looks := empty.calls("transact")) < up_call(twin) + 60:
            assert time.monotonic() < give_up, looks
            time.sleep(0.02)
        (made,) = empty.containers()
        path = empty.fake / "containers" / made["id"]
        path.write_text(path.read_text().replace(" starting ", " healthy "))

    later = threading.Thread(target=get_healthy_late)
    later.start()
    empty.run(plan)
    later.join()

    last = empty.lines()[-1]
    assert (last["event"], last["reason"], last["serves"]) == ("succeeded", "killed", tag(1))


@one_shell
def test_a_sick_release_is_made_again_also_beside_a_leftover(host: FakeHost) -> None:
    make_sick(host)
    (serving,) = host.containers()
    line = (host.fake / "containers" / serving["id"]).read_text().strip()
    left = line.replace("infra-web-1", "0123456789ab_infra-web-1").replace("running", "created")
    host.write(f"containers/{77:064x}", left)

    host.run(host.plan(2))

    assert host.events()[-1] == "succeeded 2"
    assert [c["id"] for c in host.containers()] != [serving["id"]]
    assert host.serves() == 2


@one_shell
def test_a_success_stays_one_though_old_images_cannot_be_removed(host: FakeHost) -> None:
    make_sick(host)
    twin = host.copy(host.root.parent / "twin")
    twin.run(twin.plan(1, Action.ROLLBACK))
    plan = host.plan(1, Action.ROLLBACK)
    plan = dataclasses.replace(plan, outdated=Outdated((), (tag(9),)))
    host.forget_calls()
    host.break_at("transact", up_call(twin) + 1, "kill-shell")

    host.run(plan)
    wait_until_tidy(host)

    ours = [line["event"] for line in host.lines() if line["run"] == plan.run]
    assert ours == ["started", "succeeded"]
    assert host.serves() == 1


@one_shell
def test_a_sick_release_that_was_not_made_anew_is_no_success(host: FakeHost) -> None:
    """It gets well by itself in the middle of its own redeploy."""
    make_sick(host)
    (serving,) = host.containers()
    plan = dataclasses.replace(host.plan(2), dependencies=(CACHE,))
    host.write("services/cache", "infra 1 cache:1")
    path = host.fake / "containers" / serving["id"]
    path.write_text(path.read_text().replace(" unhealthy ", " healthy "))

    with pytest.raises(RestoredError):
        host.run(plan)

    assert host.events()[-1] == "restored 2"
    assert host.lines()[-1]["rung"] == "untouched"


# ---------------------------------------------------------------- what has no tag of ours


@pytest.fixture
def foreign(empty: FakeHost) -> FakeHost:
    """A host on which the service runs, as people made it: of an image of another name."""
    empty.write(f"images/{image_id(FOREIGN)}", f"healthy - {digest(FOREIGN)} infra-web")
    empty.write("tags/infra-web:latest", image_id(FOREIGN))
    state = "running 0 healthy 2026-01-01T00:00:00Z infra-web-1 x"
    empty.write(f"containers/{77:064x}", f"web infra {MADE} {state}")
    empty.fetch(1)
    return empty


@one_shell
def test_what_ran_before_the_first_deploy_is_left_alone(foreign: FakeHost) -> None:
    before = foreign.containers()
    plan = foreign.plan(1)
    (foreign.fake / "images" / image_id(1)).unlink()

    with pytest.raises(RestoredError) as caught:
        foreign.run(plan)

    assert foreign.containers() == before
    last = foreign.lines()[-1]
    assert (last["event"], last["rung"], last["serves"]) == ("restored", "untouched", "")
    assert caught.value.state == "what ran before runs as before, healthy: it was left alone"


@one_shell
@pytest.mark.parametrize(
    "reference", ["infra-web:latest", "infra-web", f"{REPOSITORY}@{digest(FOREIGN)}"]
)
def test_what_somebody_made_since_the_last_deploy_is_left_alone(
    host: FakeHost, reference: str
) -> None:
    (serving,) = host.containers()
    path = host.fake / "containers" / serving["id"]
    ours = f"{image_id(2)} {REPOSITORY}:{tag(2)}"
    path.write_text(path.read_text().replace(ours, f"{image_id(FOREIGN)} {reference}"))
    host.write(f"images/{image_id(FOREIGN)}", f"healthy - {digest(FOREIGN)} infra-web")
    before = host.containers()
    host.fetch(3)
    plan = host.plan(3)
    (host.fake / "images" / image_id(3)).unlink()

    with pytest.raises(RestoredError) as caught:
        host.run(plan)

    assert host.containers() == before
    assert host.lines()[-1]["serves"] == ""
    assert caught.value.state.startswith("what ran before runs as before")


@one_shell
def test_what_a_first_deploy_stopped_is_started_again(foreign: FakeHost) -> None:
    """Docker made the new container, stopped the old one, and did no more."""
    (before,) = foreign.containers()
    plan = foreign.plan(1)
    foreign.forget_calls()
    foreign.break_at("transact", 1, "half", last=20)

    with pytest.raises(RestoredError) as caught:
        foreign.run(plan)

    assert [(c["id"], c["status"]) for c in foreign.containers()] == [(before["id"], "running")]
    assert foreign.lines()[-1]["rung"] == "started"
    assert caught.value.state.startswith("what ran before is back")


@one_shell
@pytest.mark.parametrize("kind", ["late", "fail-after-up"])
def test_what_is_up_although_compose_failed_is_not_made_once_more(
    host: FakeHost, kind: str
) -> None:
    host.push(3, "unhealthy")
    host.fetch(3)
    plan = host.plan(3)
    twin = host.copy(host.root.parent / "twin")
    with pytest.raises(RestoredError):
        twin.run(twin.plan(3))
    calls = enumerate(twin.calls("transact"), 1)
    (made_again,) = (n for n, call in calls if " up " in call and n > up_call(twin))
    host.break_at("transact", made_again, kind, last=made_again + 3)

    with pytest.raises(RestoredError):
        host.run(plan)

    assert ("late" in kind) == any(call.startswith("docker rm ") for call in host.calls("transact"))
    assert not [call for call in host.calls("transact") if "--force-recreate" in call]
    assert (host.lines()[-1]["rung"], host.serves()) == ("made", 2)


@one_shell
def test_what_a_first_deploy_replaced_cannot_come_back(foreign: FakeHost) -> None:
    foreign.push(1, "unhealthy")
    plan = foreign.plan(1)

    with pytest.raises(BrokenError) as caught:
        foreign.run(plan)

    assert "no earlier release to put back" in caught.value.state
    assert [c["reference"] for c in foreign.containers()] == [f"{REPOSITORY}:{tag(1)}"]

"""The rungs by which an old release comes back: which is taken, for how long, and what it says."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployctl.compose.plan import Plan
from deployctl.errors import BrokenError, DeployctlError, RestoredError
from deployctl.release.release import Action
from tests.host.fake_host import REPOSITORY, WEB, FakeHost, one_shell, wait_until_tidy
from tests.host.test_abort import wait_until
from tests.host.test_put_back import FOREIGN, MADE, make_sick, up_call
from tests.unit.build import digest, image_id, tag

# From here on, docker is away for so many seconds.
AWAY = """
    echo "transact 1 99999 docker-dead" >"$FAKE/fault"
    (sleep SECONDS; rm -f "$FAKE/fault") </dev/null >/dev/null 2>&1 8>&- 9>&- &
"""
# `docker version` answers the guardian, or who goes back, once more, and then docker is away.
AWAY_WHEN_GOING_BACK = f"""
    *"docker version"*)
        runs=${{FAKE%/*}}/opt/.deployctl/runs
        if [ ! -e "$FAKE/again" ] && [ -n "$(find "$runs" -name going-back)" ]; then
            true >"$FAKE/again"
            "$REAL_TOOLS/timeout" "$@"
            said=$?
            {AWAY}
            exit $said
        fi ;;
"""


@pytest.fixture
def before_each_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Let a test do something on the host before each call that has a time limit: a shell's `case`
    of "$*".
    """
    directory = tmp_path / "before"
    directory.mkdir()

    def do(cases: str) -> None:
        program = directory / "timeout"
        program.write_text(
            f'#!/bin/sh\ncase $* in\n{cases}\n    *) ;;\nesac\nexec "$REAL_TOOLS/timeout" "$@"\n'
        )
        program.chmod(0o755)

    usual = vars(FakeHost)["programs"].fget
    monkeypatch.setattr(FakeHost, "programs", property(lambda self: (directory, *usual(self))))
    return do


def ups(host: FakeHost) -> list[str]:
    return [call for call in host.calls("transact") if " up " in call and call.endswith(WEB)]


def heal(host: FakeHost, number: int = 0) -> None:
    """Let a container get healthy."""
    path = host.fake / "containers" / host.containers()[number]["id"]
    path.write_text(path.read_text().replace(" starting ", " healthy "))


def outcome(host: FakeHost, plan: Plan) -> DeployctlError | None:
    """Run a plan, and return how it failed."""
    try:
        host.run(plan)
    except DeployctlError as error:
        return error
    return None


# ---------------------------------------------------------------- what the run itself made


def redeploy(host: FakeHost) -> Plan:
    """A deploy of what runs, with other compose files: Compose makes its container anew."""
    host.configure(environment={"DB": "wrong"})
    plan = host.plan(2)
    assert plan.previous_run
    assert plan.previous_image == plan.image
    host.forget_calls()
    return dataclasses.replace(plan, recreate=True)  # The fake compares images only.


def killed_redeploy(host: FakeHost) -> Plan:
    twin = host.copy(host.root.parent / "twin")
    twin.run(redeploy(twin))
    plan = redeploy(host)
    host.break_at("transact", up_call(twin) + 1, "kill-shell")
    return plan


@one_shell
def test_a_redeploy_that_is_killed_is_not_taken_for_what_ran(host: FakeHost) -> None:
    (before,) = host.containers()

    assert isinstance(outcome(host, killed_redeploy(host)), RestoredError)

    assert host.containers()[0]["id"] != before["id"]
    assert host.lines()[-1]["rung"] == "made"
    assert any("/releases/web/" in call for call in ups(host))


@one_shell
def test_a_redeploy_that_is_killed_stays_where_what_ran_cannot_be_made_again(
    host: FakeHost, before_each_call: Callable[[str], None]
) -> None:
    """By force, it would be made with today's files: as it is already."""
    plan = killed_redeploy(host)
    before_each_call('    *"/releases/web/"*" up "*) exit 1 ;;')

    assert outcome(host, plan) is None

    last = host.lines()[-1]
    assert (last["event"], last["reason"], last["serves"]) == ("succeeded", "killed", tag(2))
    assert not any("--force-recreate" in call for call in ups(host)[1:])


@one_shell
def test_a_redeploy_whose_tag_cannot_be_kept_does_not_stay(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, persist=True)
    plan = redeploy(host)
    (host.project_directory / f".env.deployctl-{plan.run}").mkdir()

    assert isinstance(outcome(host, plan), RestoredError)

    assert (host.lines()[-1]["reason"], host.lines()[-1]["rung"]) == ("persist-failed", "made")
    assert any("/releases/web/" in call for call in ups(host))


@one_shell
def test_the_same_content_under_another_tag_is_not_what_ran(host: FakeHost) -> None:
    host.push(3, content=2)
    host.fetch(3)

    def another_name(on: FakeHost) -> Plan:
        plan = on.plan(3)
        same = dataclasses.replace(plan.release, image_id=image_id(2), digest=digest(2))
        on.forget_calls()
        return dataclasses.replace(plan, recreate=True, release=same)

    twin = host.copy(host.root.parent / "twin")
    twin.run(another_name(twin))
    plan = another_name(host)
    host.break_at("transact", up_call(twin) + 1, "kill-shell")

    assert isinstance(outcome(host, plan), RestoredError)

    assert (host.serves(), host.lines()[-1]["rung"]) == (2, "made")
    assert len(ups(host)) == 2


# ---------------------------------------------------------------- docker is away


def force_is_needed(host: FakeHost, old: str) -> None:
    """The new release exits, and the old one, as it was kept, does not get healthy either."""
    host.service = dataclasses.replace(host.service, health_timeout=1.0)
    host.push(3, "exits")
    host.fetch(3)
    host.push(2, old)


def assert_forced(host: FakeHost) -> None:
    assert isinstance(outcome(host, host.plan(3)), RestoredError)
    assert (host.serves(), host.lines()[-1]["rung"]) == (2, "forced")


@one_shell
def test_the_last_rung_has_the_time_of_an_up_too_and_waits_for_docker(
    host: FakeHost, before_each_call: Callable[[str], None]
) -> None:
    force_is_needed(host, "never")
    before_each_call(
        """
    *" up -d"*)
        echo "$3" >>"$FAKE/limits"
        case $* in
            *--force-recreate*) [ -e "$FAKE/again" ] || {
                true >"$FAKE/again"
                for image in "$FAKE"/images/*2; do sed -i "s/^never/healthy/" "$image"; done"""
        + AWAY.replace("SECONDS", "3")
        + """
            } ;;
        esac ;;"""
    )

    assert_forced(host)

    limits = (host.fake / "limits").read_text().split()
    assert len(limits) == 4
    assert all(int(seconds) >= 300 for seconds in limits)


@one_shell
def test_force_is_used_though_docker_was_away_at_the_look_before_it(
    host: FakeHost, before_each_call: Callable[[str], None]
) -> None:
    force_is_needed(host, "exits")
    before_each_call(
        """
    *" up -d"*) echo "$3" >>"$FAKE/limits" ;;
    *State.Paused*)
        if [ ! -e "$FAKE/again" ] && [ "$(grep -c . "$FAKE/limits")" = 2 ]; then
            true >"$FAKE/again"
            sed -i "s/^exits/healthy/" "$FAKE"/images/*2
            "$REAL_TOOLS/timeout" "$@"
            said=$?"""
        + AWAY.replace("SECONDS", "2")
        + """
            exit $said
        fi ;;"""
    )

    assert_forced(host)


@one_shell
def test_what_was_never_changed_is_no_success(
    host: FakeHost, before_each_call: Callable[[str], None]
) -> None:
    """A redeploy fails at its first call, and docker is away for as long as it is waited for."""
    host.service = dataclasses.replace(host.service, health_timeout=2.0)
    plan = dataclasses.replace(redeploy(host), up_limit=0.5)
    before = host.containers()
    before_each_call(
        """
    *"docker tag"*)
        if [ ! -e "$FAKE/again" ]; then
            true >"$FAKE/again" """
        + AWAY.replace("SECONDS", "5")
        + """
        fi ;;"""
    )

    assert outcome(host, plan) is not None

    assert host.containers() == before


@one_shell
def test_what_a_killed_redeploy_made_is_known_though_docker_was_away_at_the_first_look(
    host: FakeHost, before_each_call: Callable[[str], None]
) -> None:
    host.service = dataclasses.replace(host.service, health_timeout=1.0)
    plan = dataclasses.replace(killed_redeploy(host), up_limit=1.0)
    before_each_call(
        '    *"/releases/web/"*" up "*) exit 1 ;;' + AWAY_WHEN_GOING_BACK.replace("SECONDS", "3")
    )

    assert outcome(host, plan) is None

    assert host.lines()[-1]["event"] == "succeeded"


def away_at_the_last_look(host: FakeHost, planned: Callable[[FakeHost], Plan]) -> Plan:
    """When the restore looks last, docker is away for longer than health is waited for."""
    twin = host.copy(host.root.parent / "twin")
    plans = [planned(each) for each in (twin, host)]
    for each in (twin, host):
        each.forget_calls()
    assert isinstance(outcome(twin, plans[0]), RestoredError)
    wait_until_tidy(twin)
    looks = [n for n, call in enumerate(twin.calls("transact"), 1) if ".RestartCount}}" in call]
    host.break_at("transact", looks[-1], "docker-dead", last=99999)
    threading.Timer(2, host.mend).start()
    return plans[1]


def cannot_be_named(host: FakeHost, number: int) -> Plan:
    """A deploy that fails before it has touched anything."""
    host.service = dataclasses.replace(host.service, health_timeout=0.5)
    plan = host.plan(number)
    (host.fake / "images" / image_id(number)).unlink()
    return plan


@one_shell
@pytest.mark.parametrize("first", [False, True], ids=["later", "first"])
def test_what_has_no_tag_of_ours_is_left_alone_though_docker_was_away(
    host: FakeHost, empty: FakeHost, *, first: bool
) -> None:
    there = empty if first else host
    if first:
        state = "running 0 healthy 2026-01-01T00:00:00Z infra-web-1 x"
        there.write(f"containers/{77:064x}", f"web infra {MADE} {state}")
    else:
        (serving,) = there.containers()
        path = there.fake / "containers" / serving["id"]
        path.write_text(path.read_text().replace(f"{image_id(2)} {REPOSITORY}:{tag(2)}", MADE))
    there.write(f"images/{image_id(FOREIGN)}", f"healthy - {digest(FOREIGN)} infra-web")
    before = there.containers()
    there.fetch(3)
    plan = away_at_the_last_look(there, lambda on: cannot_be_named(on, 3))

    failed = outcome(there, plan)

    assert isinstance(failed, RestoredError)
    assert there.containers() == before
    assert there.lines()[-1]["rung"] == "untouched"


@one_shell
def test_a_rollback_from_a_sick_release_has_its_time_though_docker_was_away(host: FakeHost) -> None:
    make_sick(host)
    host.service = dataclasses.replace(host.service, health_timeout=3.0)
    host.push(1, "never")
    host.push(2, "unhealthy")
    plan = host.plan(1, Action.ROLLBACK)
    host.forget_calls()

    def be_away() -> None:
        wait_until(lambda: [each["image"] for each in host.containers()] == [image_id(1)])
        host.break_at("transact", 1, "docker-dead", last=99999)
        time.sleep(4)
        host.mend()
        time.sleep(1.5)
        heal(host)

    away = threading.Thread(target=be_away)
    away.start()
    failed = outcome(host, plan)
    away.join()

    assert failed is None
    assert host.serves() == 1


@one_shell
def test_docker_that_does_not_answer_is_not_taken_for_nothing_new(
    empty: FakeHost, before_each_call: Callable[[str], None]
) -> None:
    """A first deploy is killed behind its `up`, and docker is away when the guardian looks."""
    twin = empty.copy(empty.root.parent / "twin")
    twin.deploy(1)
    empty.fetch(1)
    plan = empty.plan(1)
    empty.forget_calls()
    empty.break_at("transact", up_call(twin) + 1, "kill-shell")
    before_each_call(AWAY_WHEN_GOING_BACK.replace("SECONDS", "3"))

    assert outcome(empty, plan) is None
    assert empty.lines()[-1]["event"] == "succeeded"


# ---------------------------------------------------------------- several containers


@pytest.fixture
def scaled(host: FakeHost) -> FakeHost:
    """Two containers run."""
    host.write("services/web", f"infra 2 {REPOSITORY}:@TAG@")
    host.configure(scale=2)
    host.deploy(2)
    wait_until_tidy(host)
    return host


@one_shell
def test_forced_is_not_said_where_nothing_was_forced(scaled: FakeHost) -> None:
    """One gets healthy late, and the other even later: the rung before was enough."""
    scaled.service = dataclasses.replace(scaled.service, health_timeout=2.0)
    scaled.push(3, "exits")
    scaled.fetch(3)
    scaled.push(2, "never")
    plan = scaled.plan(3)
    scaled.forget_calls()

    def get_healthy() -> None:
        wait_until(lambda: len(ups(scaled)) == 2)
        for number, pause in enumerate((0.7, 4.3)):
            time.sleep(pause)
            heal(scaled, number)

    healing = threading.Thread(target=get_healthy)
    healing.start()
    failed = outcome(scaled, plan)
    healing.join()

    assert isinstance(failed, RestoredError)
    assert not any("--force-recreate" in call for call in ups(scaled))
    assert scaled.lines()[-1]["rung"] == "made"


@one_shell
def test_the_old_release_needs_no_more_containers_than_it_had(host: FakeHost) -> None:
    host.push(3, "exits")
    host.fetch(3)

    def with_more(on: FakeHost) -> Plan:
        on.service = dataclasses.replace(on.service, health_timeout=0.5)
        return dataclasses.replace(on.plan(3), replicas=2)

    failed = outcome(host, away_at_the_last_look(host, with_more))

    assert isinstance(failed, RestoredError)
    assert host.serves() == 2


@one_shell
@pytest.mark.parametrize("restarts", [0, 1])
def test_a_restart_of_long_ago_does_not_make_a_part_count_as_down(
    host: FakeHost, before_each_call: Callable[[str], None], restarts: int
) -> None:
    host.push(2, "nocheck")
    host.write("services/web", f"infra 2 {REPOSITORY}:@TAG@")
    host.configure(scale=2)
    host.run(dataclasses.replace(host.plan(2), recreate=True))
    wait_until_tidy(host)
    for each in host.containers():
        path = host.fake / "containers" / each["id"]
        path.write_text(path.read_text().replace(" running 0 ", f" running {restarts} "))
    first, _ = (each["id"] for each in host.containers())
    host.fetch(3)
    plan = cannot_be_named(host, 3)
    host.forget_calls()
    # At the first call, the second ends, and somebody takes its port.
    before_each_call(
        """
    *"docker tag"*)
        echo infra-web-2 >"$FAKE/stuck"
        sed -i "/infra-web-2/s/ running / exited /" "$FAKE"/containers/* ;;"""
    )

    failed = outcome(host, plan)

    assert isinstance(failed, BrokenError)
    assert first in [each["id"] for each in host.containers()]
    assert not any("--force-recreate" in call for call in ups(host))


@one_shell
def test_a_new_crash_loop_is_no_part_that_serves(
    host: FakeHost, before_each_call: Callable[[str], None]
) -> None:
    host.push(2, "nocheck")
    host.write("services/web", f"infra 2 {REPOSITORY}:@TAG@")
    host.configure(scale=2)
    host.run(dataclasses.replace(host.plan(2), recreate=True))
    wait_until_tidy(host)
    host.push(3, "exits")
    host.fetch(3)
    host.push(2, "loops")  # as it was kept
    plan = host.plan(3)
    host.forget_calls()
    before_each_call(
        """
    *--force-recreate*)
        rm -f "$FAKE/stuck"
        sed -i "s/^loops/nocheck/" "$FAKE"/images/*2 ;;
    *" up -d"*)
        [ ! -e "$FAKE/one" ] || echo infra-web-2 >"$FAKE/stuck"
        true >"$FAKE/one" ;;"""
    )

    assert isinstance(outcome(host, plan), RestoredError)

    assert host.lines()[-1]["rung"] == "forced"

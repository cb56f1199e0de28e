"""Several commands at once, holds, changes by hand in between, and transactions that are killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended, Running
from tests.e2e.interruption import (
    HEALTH,
    RESTORE,
    UP,
    Point,
    prepare,
    reached,
)
from tests.e2e.invariants import assert_ready_for_more, assert_sound, settle
from tests.faults.gate import Gate, held_back
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.proxy import DelayingProxy
from tests.vps.world import Vps

OLD, NEW = GOOD[0].tag, GOOD[1].tag
OTHER = GOOD[3].tag
NEXT = GOOD[4].tag


def _deploy(client: Client, *tags: str) -> None:
    for tag in tags:
        ended = client.run("deploy", SERVICE, tag)
        assert ended.exit_status == 0, ended.text


def _last(vps: Vps) -> host.Line:
    return host.history(vps)[-1]


def _tags(vps: Vps, event: str) -> list[str]:
    return [line["tag"] for line in host.history(vps) if line["event"] == event]


# ---------------------------------------------------------------- two at once


def test_of_two_deploys_at_once_one_wins_and_the_other_names_it(ready: Client, vps: Vps) -> None:
    tags = (GOOD[0].tag, GOOD[1].tag)
    gate = Gate(vps)
    gate.install()
    gate.close("before", "docker compose *up -d*")
    with (
        ready.start("deploy", SERVICE, tags[0]) as one,
        ready.start("deploy", SERVICE, tags[1]) as other,
    ):
        give_up = time.monotonic() + 60
        while one.process.poll() is other.process.poll() is None:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        gate.open()
        ended = (one.wait(), other.wait())

    assert sorted(each.exit_status for each in ended) == [0, 5], [each.text for each in ended]
    winner, loser = sorted(zip(ended, tags, strict=True), key=lambda each: each[0].exit_status)
    assert winner[1] in loser[0].stderr
    assert _tags(vps, "started") == [winner[1]]
    settle(vps)
    assert assert_sound(vps, ready) == winner[1]


def both_ended(first: tuple[Running, Gate], second: Running, vps: Vps) -> tuple[Ended, Ended]:
    """Let the one that was held back go on when the other waits for it, and both end."""
    host.await_waiting(vps)
    running, gate = first
    gate.open()
    return running.wait(), second.wait()


def test_a_busy_host_is_left_alone_and_its_holder_is_named(deployed: Client, vps: Vps) -> None:
    with held_back(vps, deployed, NEW) as (running, gate):
        holder = json.loads(vps.run(f"cat {host.LOCK}").stdout)
        refused = (deployed.run("deploy", SERVICE, OTHER), deployed.run("rollback", SERVICE))
        gate.open()
        won = running.wait()

    assert won.exit_status == 0, won.text
    (started, _) = (line for line in host.history(vps) if line["tag"] == NEW)
    assert (holder["run"], holder["by"]) == (started["run"], started["by"])
    for each in refused:
        assert each.exit_status == 5, each.text
        assert "nothing on the host was changed" in each.stderr
        for evidence in (NEW, SERVICE, holder["by"], holder["since"][:16], holder["run"], "--wait"):
            assert evidence in each.stderr
    settle(vps)
    assert assert_sound(vps, deployed) == NEW
    assert _tags(vps, "started") == [OLD, NEW]


def test_a_deploy_that_waits_deploys_when_the_other_has_ended(deployed: Client, vps: Vps) -> None:
    with (
        held_back(vps, deployed, NEW) as under_way,
        deployed.start("deploy", SERVICE, OTHER, "--wait", "30s") as waiting,
    ):
        first, second = both_ended(under_way, waiting, vps)

    assert (first.exit_status, second.exit_status) == (0, 0), second.text
    assert "wait for the lock" in second.stderr
    assert NEW in second.stderr
    settle(vps)
    assert _tags(vps, "succeeded") == [OLD, NEW, OTHER]
    assert assert_sound(vps, deployed) == OTHER


def test_a_deploy_that_waits_in_vain_says_for_whom(deployed: Client, vps: Vps) -> None:
    with host.lock_held(vps, tag=GOOD[1].tag):
        waited = deployed.run("deploy", SERVICE, OTHER, "--wait", "2s")
        document = deployed.run("rollback", SERVICE, "--json").json

    assert waited.exit_status == 5, waited.text
    assert GOOD[1].tag in waited.stderr
    assert "ops@desk" in waited.stderr
    assert document["exit_status"] == 5
    assert document["error"]["code"] == "busy"
    settle(vps)
    assert assert_sound(vps, deployed) == GOOD[0].tag


@pytest.mark.thorough
def test_a_rollback_that_waited_for_a_deploy_that_failed_finds_the_old_release_back(
    deployed: Client, vps: Vps
) -> None:
    with (
        held_back(vps, deployed, EXITS_AT_ONCE.tag) as under_way,
        deployed.start("rollback", SERVICE, OLD, "--wait", "60s") as waiting,
    ):
        first, second = both_ended(under_way, waiting, vps)

    assert first.exit_status == 6, first.text
    assert second.exit_status == 0, second.text
    settle(vps)
    assert assert_sound(vps, deployed) == OLD
    assert _tags(vps, "started") == [OLD, EXITS_AT_ONCE.tag]


@pytest.mark.thorough
def test_a_rollback_goes_where_it_meant_to_go_before_it_waited(deployed: Client, vps: Vps) -> None:
    """Nobody in a hurry goes back twice: in between, someone else went back by hand."""
    _deploy(deployed, GOOD[1].tag, GOOD[2].tag)

    with ExitStack() as lock:
        lock.enter_context(host.lock_held(vps, tag=GOOD[1].tag, action="rollback"))
        with deployed.start("rollback", SERVICE, "--wait", "60s") as waiting:
            host.await_waiting(vps)
            vps.up(GOOD[1].tag)
            lock.close()
            ended = waiting.wait()

    assert ended.exit_status == 0, ended.text
    settle(vps)
    assert assert_sound(vps, deployed) == GOOD[1].tag


@pytest.mark.thorough
def test_a_rollback_that_waits_for_a_deploy_undoes_that_deploy(deployed: Client, vps: Vps) -> None:
    with (
        held_back(vps, deployed, NEW) as under_way,
        deployed.start("rollback", SERVICE, "--wait", "60s") as waiting,
    ):
        first, second = both_ended(under_way, waiting, vps)

    assert (first.exit_status, second.exit_status) == (0, 0), second.text
    settle(vps)
    assert _tags(vps, "succeeded") == [OLD, NEW, OLD]
    assert assert_sound(vps, deployed) == OLD


@pytest.mark.thorough
def test_a_container_that_vanishes_while_it_is_looked_at_is_no_docker_that_is_down(
    deployed: Client, vps: Vps
) -> None:
    """Between the list of containers and the look at them, another run may recreate one."""
    # The first listing names a container that is gone by the time it is inspected.
    vps.write(
        "/usr/local/bin/docker",
        "#!/bin/sh\n"
        'if [ "$1" = ps ] && mkdir /tmp/once 2>/dev/null; then printf "%064d\\n" 0; fi\n'
        'exec /usr/bin/docker "$@"\n',
        mode=0o755,
    )

    ended = deployed.run("deploy", SERVICE, GOOD[1].tag)

    assert vps.run("test -d /tmp/once", check=False).returncode == 0
    assert ended.exit_status == 0, ended.text
    assert vps.served() == GOOD[1].tag


# ---------------------------------------------------------------- what changes in between


@pytest.mark.thorough
def test_a_deploy_that_waited_is_judged_by_what_it_finds_then(deployed: Client, vps: Vps) -> None:
    options = ("--wait", "30s", "--expect-current", OLD)

    with (
        held_back(vps, deployed, NEW) as under_way,
        deployed.start("deploy", SERVICE, OTHER, *options) as waiting,
    ):
        first, second = both_ended(under_way, waiting, vps)

    assert first.exit_status == 0, first.text
    assert second.exit_status == 3, second.text
    assert NEW in second.stderr
    assert _tags(vps, "started") == [OLD, NEW]


def test_a_hold_that_is_set_while_a_deploy_waits_stops_it(deployed: Client, vps: Vps) -> None:
    hold = {"by": "ops@desk", "at": "2026-01-01T00:00:00Z", "reason": "a migration runs"}

    with ExitStack() as lock:
        lock.enter_context(host.lock_held(vps, tag=GOOD[1].tag))
        with deployed.start("deploy", SERVICE, OTHER, "--wait", "30s") as waiting:
            host.await_waiting(vps)
            vps.write(f"{host.STATE}/holds/{SERVICE}", json.dumps(hold))
            lock.close()
            ended = waiting.wait()

    assert ended.exit_status == 5, ended.text
    assert "a migration runs" in ended.stderr
    assert _tags(vps, "started") == [GOOD[0].tag]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (f"docker stop -t 0 compose-{SERVICE}-1", "containers"),
        thorough("echo '# a comment' >>compose/docker-compose.yml", "", name="comment"),
        thorough(
            "sed -i 's/retries: 1/retries: 4/' compose/docker-compose.yml",
            "compose files",
            name="compose file",
        ),
        (f"cd {host.STATE}; install -d holds; echo >holds/{SERVICE}", "hold"),
    ],
    ids=["container", "comment", "compose file", "hold"],
)
def test_a_deploy_changes_nothing_if_the_host_changed_after_it_decided(
    deployed: Client, vps: Vps, change: str, named: str
) -> None:
    """A comment is no change: what counts is what the files resolve to."""
    with ExitStack() as registry:
        registry.enter_context(host.registry_stalled(vps))
        with deployed.start("deploy", SERVICE, OTHER) as running:
            host.await_pull(vps)
            vps.run(f"cd /opt/infra; {change}")
            before = host.containers(vps)
            registry.close()
            ended = running.wait()

    if not named:
        assert ended.exit_status == 0, ended.text
        return
    assert ended.exit_status == 5, ended.text
    assert named in ended.stderr
    assert "nothing on the host was changed" in ended.stderr
    assert host.containers(vps)[0]["Id"] == before[0]["Id"]
    assert _tags(vps, "started") == [GOOD[0].tag]


@pytest.mark.thorough
def test_a_deploy_changes_nothing_if_another_run_came_first(deployed: Client, vps: Vps) -> None:
    _deploy(deployed, GOOD[1].tag)

    with ExitStack() as registry:
        registry.enter_context(host.registry_stalled(vps))
        with deployed.start("deploy", SERVICE, OTHER) as running:
            host.await_pull(vps)
            # It needs no registry.
            rolled_back = deployed.run("rollback", SERVICE)
            registry.close()
            ended = running.wait()

    assert rolled_back.exit_status == 0, rolled_back.text
    assert ended.exit_status == 5, ended.text
    assert "another run" in ended.stderr
    settle(vps)
    assert assert_sound(vps, deployed) == GOOD[0].tag
    assert OTHER not in _tags(vps, "started")


# ---------------------------------------------------------------- who waits and goes away


@pytest.fixture
def waiting(deployed: Client, vps: Vps, tmp_path: Path) -> Iterator[Waiting]:
    """A deploy, behind a proxy, that waits for a lock."""
    directory = tmp_path / "remote"
    directory.mkdir()
    remote = Client(directory)
    with DelayingProxy(vps.host, vps.port) as proxy:
        remote.write_inventory({"vps": vps}, addresses={"vps": (proxy.host, proxy.port)})
        with (
            host.lock_held(vps, tag=GOOD[1].tag),
            remote.start("deploy", SERVICE, OTHER, "--wait", "60s") as running,
        ):
            host.await_waiting(vps)
            yield Waiting(running, proxy)
    settle(vps)
    # Not even now that the lock is free.
    assert _tags(vps, "started") == [GOOD[0].tag]
    assert assert_sound(vps, deployed) == GOOD[0].tag


class Waiting(NamedTuple):
    client: Running
    network: DelayingProxy


def test_a_client_that_is_killed_while_it_waits_deploys_nothing(waiting: Waiting, vps: Vps) -> None:
    waiting.client.kill()

    host.await_quiet(vps)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_client_that_is_stopped_while_it_waits_deploys_nothing(
    waiting: Waiting, vps: Vps, number: signal.Signals
) -> None:
    waiting.client.process.send_signal(number)
    ended = waiting.client.wait(timeout=30)

    assert ended.exit_status == 130, ended.text
    assert "nothing on the host was changed" in ended.stderr
    host.await_quiet(vps)


@pytest.mark.thorough
def test_a_client_that_is_cut_off_while_it_waits_withdraws(waiting: Waiting, vps: Vps) -> None:
    waiting.network.cut()
    ended = waiting.client.wait(timeout=30)

    assert ended.exit_status == 4, ended.text
    assert "cancelled" in ended.stderr
    assert "nothing on the host was changed" in ended.stderr
    host.await_quiet(vps)


# ---------------------------------------------------------------- the transaction is killed


@pytest.mark.parametrize(
    "point", [UP, *map(thorough, (HEALTH, RESTORE))], ids=lambda point: point.name
)
def test_a_killed_transaction_is_put_right_by_its_guardian(
    client: Client, vps: Vps, point: Point
) -> None:
    prepare(vps, client, point)

    with reached(vps, client, point) as running:
        host.kill_transaction(vps, host.unfinished_run(vps))
        ended = running.wait()
    settle(vps)

    assert ended.exit_status == 6, ended.text
    assert "killed" in ended.stderr
    assert (_last(vps)["event"], _last(vps)["reason"]) == ("restored", "killed")
    assert assert_sound(vps, client) == point.before
    assert_ready_for_more(vps, client, NEXT)


def test_who_waits_for_a_run_that_is_killed_comes_after_its_guardian(
    deployed: Client, vps: Vps
) -> None:
    with (
        held_back(vps, deployed, NEW) as (running, gate),
        deployed.start("deploy", SERVICE, OTHER, "--wait", "2m") as waiting,
    ):
        host.await_waiting(vps)
        host.kill_transaction(vps, host.unfinished_run(vps))
        gate.open()
        ended = running.wait(), waiting.wait()
    settle(vps)

    assert [each.exit_status for each in ended] == [6, 0], [each.text for each in ended]
    events = [(line["event"], line["tag"]) for line in host.history(vps)[-3:]]
    assert events == [("restored", NEW), ("started", OTHER), ("succeeded", OTHER)]


@pytest.mark.parametrize(
    "point", [UP, *map(thorough, (HEALTH, RESTORE))], ids=lambda point: point.name
)
def test_a_killed_transaction_without_a_guardian_is_shown_and_recorded_and_needs_no_clean_up(
    client: Client, vps: Vps, point: Point
) -> None:
    prepare(vps, client, point)

    with reached(vps, client, point) as running:
        run = host.unfinished_run(vps)
        host.kill_transaction(vps, run, guardian=True)
        ended = running.wait()
    settle(vps)

    assert ended.exit_status == 7, ended.text
    assert "killed" in ended.stderr
    _assert_interrupted_then_recorded(vps, client, run)


@pytest.mark.parametrize("point", [UP, thorough(HEALTH)], ids=lambda point: point.name)
def test_a_power_cut_leaves_a_run_that_is_shown_and_recorded_and_needs_no_clean_up(
    client: Client, vps: Vps, point: Point
) -> None:
    prepare(vps, client, point)

    with reached(vps, client, point) as running:
        run = host.unfinished_run(vps)
        vps.power_cut()
        ended = running.wait()
    settle(vps)

    assert ended.exit_status == 7, ended.text
    _assert_interrupted_then_recorded(vps, client, run, db_starts=2)


@pytest.mark.thorough
def test_a_rollback_is_what_one_types_after_a_killed_transaction(client: Client, vps: Vps) -> None:
    prepare(vps, client, HEALTH)

    with reached(vps, client, HEALTH) as running:
        host.kill_transaction(vps, host.unfinished_run(vps), guardian=True)
        running.wait()
    settle(vps)
    ended = client.run("rollback", SERVICE)

    assert ended.exit_status == 0, ended.text
    assert _tags(vps, "interrupted") == [HEALTH.tag]
    settle(vps)
    assert assert_sound(vps, client) == HEALTH.before


def _assert_interrupted_then_recorded(
    vps: Vps, client: Client, run: str, *, db_starts: int = 1
) -> None:
    (row,) = client.run("status", SERVICE, "--json").json["services"]
    assert row["state"] == "interrupted"
    assert (row["interrupted_run"]["run"], row["run_in_progress"]) == (run, None)
    assert client.run("status", SERVICE, "--check").exit_status == 9
    before = len(host.history(vps))

    assert_ready_for_more(vps, client, NEXT, db_starts=db_starts)

    interrupted, started, succeeded = host.history(vps)[before:]
    assert (interrupted["event"], interrupted["run"]) == ("interrupted", run)
    assert (started["event"], started["tag"]) == ("started", NEXT)
    assert (succeeded["event"], succeeded["tag"]) == ("succeeded", NEXT)

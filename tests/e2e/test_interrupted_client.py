"""The client is killed or stopped: the run ends by itself, and nothing has to be cleaned up."""

from __future__ import annotations

import signal

import pytest

from tests.e2e import host
from tests.e2e.client import Client
from tests.e2e.interruption import (
    HEALTH,
    PULL,
    RESTORE,
    UP,
    Point,
    prepare,
    reached,
)
from tests.e2e.invariants import assert_ready_for_more, assert_sound, settle
from tests.thorough import thorough
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps

NEXT = GOOD[4].tag


@pytest.mark.parametrize(
    "point", [UP, *map(thorough, (PULL, HEALTH, RESTORE))], ids=lambda point: point.name
)
def test_a_run_whose_client_is_killed_ends_by_itself(
    client: Client, vps: Vps, point: Point
) -> None:
    prepare(vps, client, point)

    with reached(vps, client, point) as running:
        running.kill()
        assert running.process.returncode == -signal.SIGKILL
    settle(vps)

    last = host.history(vps)[-1]
    assert (last["tag"], last["event"]) == (
        (point.tag, point.outcome) if point.begun else (point.before, "succeeded")
    )
    assert assert_sound(vps, client) == point.serves
    if point.begun:
        assert client.run("follow", "vps", last["run"]).exit_status == point.exit_status
    assert_ready_for_more(vps, client, NEXT)


def test_follow_watches_a_run_whose_client_was_killed_until_its_end(
    client: Client, vps: Vps
) -> None:
    prepare(vps, client, HEALTH)

    with reached(vps, client, HEALTH) as running:
        running.kill()
        followed = client.run("follow", "vps", host.unfinished_run(vps), "--json")

    assert followed.exit_status == HEALTH.exit_status, followed.text
    assert followed.json["exit_status"] == HEALTH.exit_status
    assert HEALTH.tag in followed.json["error"]["message"]
    assert vps.served() == HEALTH.serves


@pytest.mark.parametrize(
    ("point", "number"),
    [
        (PULL, signal.SIGTERM),
        thorough(UP, signal.SIGINT),
        thorough(HEALTH, signal.SIGTERM),
        thorough(RESTORE, signal.SIGINT),
    ],
    ids=lambda value: value.name,
)
def test_a_stopped_client_says_truthfully_what_becomes_of_the_run(
    client: Client, vps: Vps, point: Point, number: signal.Signals
) -> None:
    prepare(vps, client, point)

    with reached(vps, client, point) as running:
        running.process.send_signal(number)
        ended = running.wait(timeout=30)

    assert ended.exit_status == 130, ended.text
    assert "Traceback" not in ended.text
    if point.begun:
        assert "goes on" in ended.stderr
        run = host.run_named_in(ended.stderr)
        assert run == host.history(vps)[-1]["run"]
        assert client.run("follow", "vps", run).exit_status == point.exit_status
    else:
        assert "nothing on the host was changed" in ended.stderr
        assert "follow" not in ended.stderr
    settle(vps)
    assert assert_sound(vps, client) == point.serves

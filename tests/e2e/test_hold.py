"""Stopping the deploys of a service for a while, with a reason."""

from __future__ import annotations

import contextlib
import json
import re

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.e2e.steps import WORKFLOW, deploy, refuse, rollback, status
from tests.faults.gate import held_back
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps, World

REASON = "migration of the database: ask kim"
HOLD = f"{host.STATE}/holds/{SERVICE}"


def test_a_hold_refuses_deploys_says_who_when_and_why_and_allows_rollbacks(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])

    set_ = deployed.run("hold", SERVICE, "--reason", REASON)
    assert set_.exit_status == 0, set_.text

    refused = refuse(deployed, vps, 5, "deploy", SERVICE, GOOD[2].tag)
    assert re.search(rf"held by tester@\S+ since 20[0-9T:-]+Z: {REASON}", refused.stderr)
    assert REASON in status(deployed)["hold"]
    assert "(hold)" in deployed.run("status").stdout
    rollback(deployed, vps, GOOD[0])

    lifted = deployed.run("unhold", SERVICE)
    assert lifted.exit_status == 0
    assert REASON in lifted.stdout
    assert status(deployed)["hold"] is None
    deploy(deployed, vps, GOOD[2])


@pytest.mark.thorough
def test_the_time_of_a_hold_is_the_hosts(ready: Client, vps: Vps) -> None:
    before = vps.run("date -u +%Y-%m-%dT%H:%M:%SZ").stdout.strip()
    held = ready.run("hold", SERVICE, "--reason", REASON, "--json", TZ="Asia/Tokyo").json
    after = vps.run("date -u +%Y-%m-%dT%H:%M:%SZ").stdout.strip()

    (row,) = held["hosts"]
    assert before <= row["hold"]["at"] <= after
    assert json.loads(vps.read(HOLD)) == {"v": 1, **row["hold"]}


def test_a_hold_that_is_set_while_a_deploy_is_under_way_stops_the_next(
    deployed: Client, vps: Vps
) -> None:
    with held_back(vps, deployed, GOOD[1].tag) as (running, gate):
        held = deployed.run("hold", SERVICE, "--reason", REASON, "--json")
        gate.open()
        assert running.wait().exit_status == 0
    settle(vps)

    (row,) = held.json["hosts"]
    assert row["outcome"] == "set"
    assert GOOD[1].tag in row["busy"]
    assert vps.served() == GOOD[1].tag
    refuse(deployed, vps, 5, "deploy", SERVICE, GOOD[2].tag)


@pytest.mark.thorough
def test_a_deploy_that_waited_for_a_run_is_stopped_by_a_hold_that_was_set_meanwhile(
    deployed: Client, vps: Vps
) -> None:
    with contextlib.ExitStack() as lock:
        lock.enter_context(host.lock_held(vps, tag=GOOD[1].tag))
        with deployed.start("deploy", SERVICE, GOOD[2].tag, "--wait", "60s") as waiting:
            host.await_waiting(vps)
            assert deployed.run("hold", SERVICE, "--reason", REASON).exit_status == 0
            lock.close()
            ended = waiting.wait()

    assert ended.exit_status == 5
    assert REASON in ended.stderr
    assert vps.served() == GOOD[0].tag


def test_holding_twice_tells_of_the_first_and_keeps_somebody_elses(ready: Client, vps: Vps) -> None:
    ready.run("hold", SERVICE, "--reason", REASON)
    before = vps.read(HOLD)

    other = ready.run("hold", SERVICE, "--reason", "audit", timeout=120, **WORKFLOW)
    assert other.exit_status == 5
    assert REASON in other.stderr
    assert vps.read(HOLD) == before

    again = ready.run("hold", SERVICE, "--reason", "migration and audit", "--json")
    assert again.exit_status == 0
    (row,) = again.json["hosts"]
    assert (row["outcome"], row["before"]["reason"]) == ("replaced", REASON)


@pytest.mark.thorough
def test_unhold_without_a_hold_says_so_and_changes_nothing(ready: Client, vps: Vps) -> None:
    ended = ready.run("unhold", SERVICE)

    assert ended.exit_status == 0
    assert "not held" in ended.stdout
    assert vps.run(f"[ -e {host.STATE} ]", check=False).returncode != 0


@pytest.mark.thorough
def test_a_hold_that_somebody_put_there_by_hand_counts_and_can_be_lifted(
    ready: Client, vps: Vps
) -> None:
    vps.run(f"install -d -o deploy {host.STATE} {host.STATE}/holds; touch {HOLD}; chmod 000 {HOLD}")

    refuse(ready, vps, 5, "deploy", SERVICE, GOOD[0].tag)
    assert ready.run("unhold", SERVICE).exit_status == 0
    deploy(ready, vps, GOOD[0])


def test_a_host_that_cannot_be_reached_does_not_keep_the_others_from_being_held(
    client: Client, vps: Vps, world: World
) -> None:
    other = world.vps(1)
    other.reset()
    client.write_inventory({"lost": vps, "vps": other}, addresses={"lost": ("127.0.0.1", 1)})

    ended = client.run("hold", SERVICE, "--reason", REASON, "--json")

    assert ended.exit_status == 4
    assert [row["outcome"] for row in ended.json["hosts"]] == ["failed", "set"]
    assert ended.json["error"]["code"] == "connection-refused"
    client.run("unhold", SERVICE, "--host", "vps")

"""Aborting a deploy that hangs, from another machine."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import BACKEND_FILE, WORKFLOW, container_ids, edit, refuse, told
from tests.faults.gate import Gate
from tests.vps.catalogue import GOOD, NEVER_HEALTHY
from tests.vps.world import Vps

OLD, NEW, OTHER = GOOD[0], GOOD[1], GOOD[2]
EVENTS = f"{host.STATE}/runs/*/events"


def test_a_wait_for_health_is_aborted_and_the_old_release_is_back(
    deployed: Client, vps: Vps
) -> None:
    deployed.write_inventory({"vps": vps}, service='health_timeout = "10m"\n')
    edit(vps, BACKEND_FILE, "retries: 3", "retries: 1000")
    by_kim = Client(deployed.directory, deployed.environment | WORKFLOW)
    with deployed.start("deploy", SERVICE, NEVER_HEALTHY.tag) as running:
        host.await_(vps, f"docker ps --filter ancestor={NEVER_HEALTHY.image} | grep -q starting")

        aborted = by_kim.run("abort", SERVICE, "--json")
        ended = running.wait()

    assert aborted.exit_status == 0, aborted.text
    (on_host,) = aborted.json["hosts"]
    assert (on_host["outcome"], on_host["serves"]) == ("aborted", OLD.tag)
    assert on_host["run"]["tag"] == NEVER_HEALTHY.tag
    assert ended.exit_status == 6, ended.text
    assert "kim aborted it" in ended.stderr
    assert host.history(vps)[-1]["aborted_by"] == "kim"
    settle(vps)
    assert assert_sound(vps, deployed, db_starts=vps.db_counter()) == OLD.tag
    assert "kim aborted it" in deployed.run("history", SERVICE).stdout


def test_a_call_that_hangs_before_anything_was_touched_is_aborted(
    deployed: Client, vps: Vps
) -> None:
    """What served goes on in the same container; the next deploy needs no cleaning up."""
    before = container_ids(vps)
    gate = Gate(vps)
    gate.install()
    gate.close("before", "docker compose *up -d*")
    with deployed.start("deploy", SERVICE, NEW.tag) as running:
        gate.await_reached()

        aborted = deployed.run("abort", SERVICE)
        ended = running.wait()
    gate.open()

    assert aborted.exit_status == 0, aborted.text
    assert f"{SERVICE} runs {OLD.tag}, healthy (was left alone)" in aborted.stdout
    assert ended.exit_status == 6, ended.text
    assert container_ids(vps) == before
    settle(vps)
    assert assert_sound(vps, deployed, db_starts=vps.db_counter()) == OLD.tag
    assert deployed.run("deploy", SERVICE, OTHER.tag).exit_status == 0


def test_a_compose_that_stops_the_old_container_is_cut_off(deployed: Client, vps: Vps) -> None:
    with deployed.start("deploy", SERVICE, NEW.tag) as running:
        host.await_(vps, "pgrep -f '[d]ocker-compose compose.*up -d'")
        aborted = deployed.run("abort", SERVICE)
        ended = running.wait()

    assert (aborted.exit_status, ended.exit_status) in {(0, 6), (3, 0)}, aborted.text
    settle(vps)
    served = assert_sound(vps, deployed, db_starts=vps.db_counter())
    assert served == (NEW.tag if ended.exit_status == 0 else OLD.tag)


@pytest.mark.parametrize("signal", ["STOP", "KILL"])
def test_a_dead_or_stopped_docker_keeps_no_abort_from_its_end(
    deployed: Client, vps: Vps, signal: str
) -> None:
    """The run waits for docker to put the old release back."""
    gate = Gate(vps)
    gate.install()
    gate.close("before", "docker compose *up -d*")
    with deployed.start("deploy", SERVICE, NEW.tag) as running:
        gate.await_reached()
        if signal == "KILL":
            vps.dockerd_stop()
        else:
            vps.run("pkill -STOP -x dockerd")
        gate.open()
        with deployed.start("abort", SERVICE) as aborting:
            host.await_(vps, f"grep -qs restore {EVENTS}", seconds=60)
            if signal == "KILL":
                vps.dockerd_start()
            else:
                vps.run("pkill -CONT -x dockerd")
            aborted = aborting.wait()
        ended = running.wait()

    assert (aborted.exit_status, ended.exit_status) == (0, 6), aborted.text
    settle(vps)
    assert assert_sound(vps, deployed, db_starts=vps.db_counter()) == OLD.tag


def test_where_nothing_runs_it_is_refused(deployed: Client, vps: Vps) -> None:
    ended = refuse(deployed, vps, 3, "abort", SERVICE)

    assert "no run of enforcer-backend is under way on vps" in ended.stderr
    assert told(vps)[-1].startswith("succeeded")

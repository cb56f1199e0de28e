"""A release that does not get well is taken back by the run that brought it."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client
from tests.e2e.invariants import assert_ready_for_more, assert_sound, settle
from tests.e2e.steps import BACKEND_FILE, deploy, edit, image_id, make_unhealthy, status, told
from tests.thorough import thorough
from tests.vps.catalogue import (
    CRASH_LOOPS,
    EXITS_AT_ONCE,
    GOOD,
    HOSTILE_LOGS,
    NEVER_HEALTHY,
    Release,
)
from tests.vps.world import SCALED, Vps

HARMLESS = {*"\n", *map(chr, range(0x20, 0x7F)), *"✓✗…·\ufffd"}


@pytest.mark.parametrize(
    ("release", "reasons", "last_words"),
    [
        (EXITS_AT_ONCE, {"exited", "crash-loop"}, "FATAL: DATABASE_URL is not set"),
        (NEVER_HEALTHY, {"unhealthy", "health-timeout"}, "404"),
        thorough(CRASH_LOOPS, {"unhealthy", "health-timeout"}, "FATAL: migration 0042 failed"),
        thorough(
            HOSTILE_LOGS,
            {"unhealthy", "health-timeout"},
            f"the last honest line of {HOSTILE_LOGS.tag}",
        ),
    ],
    ids=["exits at once", "never healthy", "crash loop", "hostile logs"],
)
def test_a_broken_release_is_replaced_by_the_one_that_ran(
    client: Client, vps: Vps, release: Release, reasons: set[str], last_words: str
) -> None:
    client.write_inventory({"vps": vps})
    deploy(client, vps, GOOD[0])
    if release is CRASH_LOOPS:  # too short to see three restarts
        client.write_inventory({"vps": vps}, service='health_timeout = "6s"\n')

    ended = client.run("deploy", SERVICE, release.tag)

    assert ended.exit_status == 6, ended.text
    settle(vps)
    assert assert_sound(vps, client) == GOOD[0].tag
    assert vps.served("/health") == "ok"
    assert told(vps)[2:] == [f"started deploy {release.tag}", f"restored deploy {release.tag}"]
    restored = host.history(vps)[-1]
    assert restored["reason"] in reasons
    assert restored["previous"]["tag"] == GOOD[0].tag
    assert f"{GOOD[0].tag} is back and healthy" in ended.stderr
    assert last_words in ended.stderr
    assert set(ended.text) <= HARMLESS


def test_a_broken_first_release_is_left_for_a_person_and_the_next_deploy_works(
    ready: Client, vps: Vps
) -> None:
    ended = ready.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 7, ended.text
    assert "there was no earlier release to put back" in ended.stderr
    assert told(vps) == [
        f"started deploy {EXITS_AT_ONCE.tag}",
        f"broken deploy {EXITS_AT_ONCE.tag}",
    ]
    assert status(ready)["state"] in {"untracked", "not running"}
    settle(vps)
    assert_ready_for_more(vps, ready, GOOD[0].tag)


@pytest.mark.thorough
def test_both_containers_of_a_service_are_put_back(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps}, compose_files=(*COMPOSE_FILES, SCALED))
    assert client.run("deploy", SERVICE, GOOD[0].tag).exit_status == 0

    ended = client.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 6, ended.text
    assert [c["Image"] for c in host.containers(vps)] == [image_id(vps, GOOD[0].image)] * 2
    assert status(client, "--check")["state"] == "in sync"


def test_what_is_put_back_runs_with_the_configuration_that_it_ran_with(
    deployed: Client, vps: Vps
) -> None:
    edit(vps, BACKEND_FILE, "127.0.0.1:8080:8080", "127.0.0.1:8099:8080")

    ended = deployed.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 6, ended.text
    # At the port of then.
    settle(vps)
    assert assert_sound(vps, deployed) == GOOD[0].tag
    assert "8099" in vps.read(BACKEND_FILE)


@pytest.mark.thorough
def test_what_did_not_run_well_is_no_release_to_put_back(deployed: Client, vps: Vps) -> None:
    vps.up(GOOD[1].tag)
    make_unhealthy(vps)

    ended = deployed.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 6, ended.text
    assert f"{GOOD[0].tag} is back and healthy" in ended.stderr
    settle(vps)
    assert assert_sound(vps, deployed) == GOOD[0].tag


def test_a_compose_file_that_compose_refuses_changes_nothing(deployed: Client, vps: Vps) -> None:
    settle(vps)
    edit(vps, BACKEND_FILE, "services:", "servces:")

    ended = deployed.run("deploy", SERVICE, GOOD[1].tag, "--json")

    assert ended.exit_status == 4, ended.text
    assert ended.json["error"]["code"] == "compose-invalid"
    assert any("servces" in line for line in ended.json["error"]["details"])
    assert vps.served() == GOOD[0].tag
    assert len(told(vps)) == 2

"""Rollback: where it goes, what it needs, and when it refuses."""

from __future__ import annotations

import json

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import (
    BACKEND_FILE,
    CONTAINER,
    KEPT,
    container_ids,
    deploy,
    edit,
    image_id,
    make_unhealthy,
    refuse,
    rollback,
    status,
    told,
)
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import Vps

ROLLBACK = ("rollback", SERVICE)


def test_rollbacks_go_further_back_each_time_and_need_no_registry(ready: Client, vps: Vps) -> None:
    for release in GOOD[:3]:
        deploy(ready, vps, release)
    vps.registry_stop()

    first = rollback(ready, vps, GOOD[1])
    rollback(ready, vps, GOOD[0])
    settle(vps)
    assert_sound(vps, ready)
    refused = refuse(ready, vps, 3, *ROLLBACK)

    assert f"runs {GOOD[1].tag} again (was {GOOD[2].tag}), healthy" in first.stdout
    assert f"{GOOD[1].tag} was deployed " in first.stdout
    assert " by tester@" in first.stdout
    assert told(vps)[6:] == [
        f"{event} rollback {release.tag}"
        for release in (GOOD[1], GOOD[0])
        for event in ("started", "succeeded")
    ]
    assert f"{GOOD[0].tag} is the oldest release" in refused.stderr


@pytest.mark.thorough
def test_a_rollback_to_a_named_tag_forgets_what_came_after_it(ready: Client, vps: Vps) -> None:
    for release in GOOD[:3]:
        deploy(ready, vps, release)

    rollback(ready, vps, GOOD[0], GOOD[0].tag)
    again = rollback(ready, vps, GOOD[0], GOOD[0].tag)

    assert "nothing to do" in again.stdout
    settle(vps)
    refused = refuse(ready, vps, 3, *ROLLBACK, "--json")
    assert refused.json["error"]["code"] == "no-older-success"


def test_with_nothing_to_go_back_to_a_rollback_is_refused(ready: Client, vps: Vps) -> None:
    fresh = refuse(ready, vps, 3, *ROLLBACK, "--json")
    deploy(ready, vps, GOOD[0])
    settle(vps)
    only_one = refuse(ready, vps, 3, *ROLLBACK, "--json")

    assert fresh.json["error"]["code"] == "no-success"
    assert only_one.json["error"]["code"] == "no-older-success"


def test_nobody_goes_back_twice_after_a_deploy_that_was_put_back(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    assert deployed.run("deploy", SERVICE, EXITS_AT_ONCE.tag).exit_status == 6
    settle(vps)

    refused = refuse(deployed, vps, 3, *ROLLBACK)

    assert f"{GOOD[1].tag} was put back by itself" in refused.stderr
    assert f"deployctl rollback {SERVICE} {GOOD[0].tag}" in refused.stderr
    assert vps.served() == GOOD[1].tag

    rollback(deployed, vps, GOOD[0], GOOD[0].tag)


@pytest.mark.thorough
def test_a_rollback_after_a_deploy_that_could_not_be_put_back_goes_to_the_last_good_release(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    # Neither with these files nor with those that the release ran with.
    good_files = vps.read(BACKEND_FILE)
    edit(vps, BACKEND_FILE, "8080/health", "8080/no-such-page")
    vps.run(f"rm -r {host.STATE}/releases")

    broken = deployed.run("deploy", SERVICE, GOOD[2].tag)

    assert broken.exit_status == 7, broken.text
    assert f"{GOOD[1].tag} could not be put back either" in broken.stderr
    assert told(vps)[-1] == f"broken deploy {GOOD[2].tag}"
    settle(vps)

    vps.write(BACKEND_FILE, good_files)
    rollback(deployed, vps, GOOD[1])

    settle(vps)
    assert_sound(vps, deployed)


@pytest.mark.thorough
@pytest.mark.parametrize("condition", ["unhealthy", thorough("removed")])
def test_a_rollback_from_a_release_that_does_not_run_well_goes_to_the_one_before(
    deployed: Client, vps: Vps, condition: str
) -> None:
    deploy(deployed, vps, GOOD[1])
    if condition == "unhealthy":
        make_unhealthy(vps)
    else:
        vps.run(f"docker rm -f {CONTAINER}")

    # Without a container, what was recorded last is what nobody sees running.
    rollback(deployed, vps, GOOD[1] if condition == "removed" else GOOD[0])

    settle(vps)
    assert_sound(vps, deployed)


def test_a_rollback_fetches_an_image_that_is_gone_but_only_the_same(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    settle(vps)
    vps.run(f"docker image rm {GOOD[0].image} {KEPT}:{GOOD[0].tag}")
    assert status(deployed)["rollback"]["image_present"] is False

    vps.registry_stop()
    unreachable = refuse(deployed, vps, 3, *ROLLBACK, "--json")
    vps.registry_start()
    vps.repush(GOOD[0].tag)
    moved = refuse(deployed, vps, 3, *ROLLBACK, "--json")
    vps.push(GOOD[0].tag, text=GOOD[0].tag, revision=GOOD[0].revision)
    rollback(deployed, vps, GOOD[0])

    assert unreachable.json["error"]["code"] == "registry-down"
    assert moved.json["error"]["code"] == "tag-moved"
    settle(vps)
    assert_sound(vps, deployed)


@pytest.mark.thorough
def test_a_rollback_brings_back_the_recorded_content_of_a_tag_that_moved_locally(
    deployed: Client, vps: Vps
) -> None:
    scanned = image_id(vps, GOOD[0].image)
    deploy(deployed, vps, GOOD[1])
    vps.repush(GOOD[0].tag)
    vps.run(f"docker pull -q {GOOD[0].image}")

    rollback(deployed, vps, GOOD[0])

    assert image_id(vps, GOOD[0].image) == scanned
    settle(vps)
    assert_sound(vps, deployed)


def test_a_rollback_uses_the_compose_files_of_today_and_says_so(deployed: Client, vps: Vps) -> None:
    edit(vps, BACKEND_FILE, "    ports:\n", "    environment:\n      COLOUR: blue\n    ports:\n")
    deploy(deployed, vps, GOOD[1])

    ended = rollback(deployed, vps, GOOD[0])

    assert f"the compose files have changed since {GOOD[0].tag} was deployed" in ended.stdout
    (container,) = host.containers(vps)
    assert "COLOUR=blue" in container["Config"]["Env"]


@pytest.mark.thorough
def test_a_rollback_that_fails_puts_back_what_ran(deployed: Client, vps: Vps) -> None:
    # With today's files, only a newer release is healthy.
    check = '"wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/health"'
    edit(vps, BACKEND_FILE, check, f'"sh", "-c", "[ $$RELEASE != {GOOD[0].tag} ]"')
    deploy(deployed, vps, GOOD[1])

    ended = deployed.run(*ROLLBACK)

    assert ended.exit_status == 6, ended.text
    assert told(vps)[-1] == f"restored rollback {GOOD[0].tag}"
    settle(vps)
    assert assert_sound(vps, deployed) == GOOD[1].tag
    refuse(deployed, vps, 3, *ROLLBACK)


@pytest.mark.thorough
def test_a_hold_stops_deploys_and_lets_a_rollback_through(deployed: Client, vps: Vps) -> None:
    deploy(deployed, vps, GOOD[1])
    settle(vps)
    hold = {"by": "kim", "at": "2026-11-23T12:00:00Z", "reason": "the database is being moved"}
    vps.write(f"{host.STATE}/holds/{SERVICE}", json.dumps(hold))

    refused = refuse(deployed, vps, 5, "deploy", SERVICE, GOOD[2].tag)

    assert "the database is being moved" in refused.stderr
    assert status(deployed)["hold"]
    rollback(deployed, vps, GOOD[0])


@pytest.mark.thorough
def test_a_rollback_of_a_release_that_runs_but_is_stopped_starts_it(
    deployed: Client, vps: Vps
) -> None:
    before = container_ids(vps)
    vps.run(f"docker stop {CONTAINER}")

    rollback(deployed, vps, GOOD[0], GOOD[0].tag)

    assert container_ids(vps) != before

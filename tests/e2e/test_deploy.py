"""Deploys that succeed, and deploys that are refused: on one host, with a healthy database."""

from __future__ import annotations

import os

import pytest

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import (
    CONTAINER,
    KEPT,
    WORKFLOW,
    await_health,
    container_ids,
    deploy,
    edit,
    image_id,
    make_unhealthy,
    refuse,
    running,
    status,
    told,
)
from tests.thorough import thorough
from tests.vps.catalogue import (
    ATTESTED,
    CRASH_LOOPS,
    GOOD,
    NO_LABEL,
    WORKER,
    Release,
)
from tests.vps.world import INFRA, NO_HEALTHCHECK, SCALED, Vps


def test_a_first_deploy_makes_the_release_serve_and_records_it(ready: Client, vps: Vps) -> None:
    ended = deploy(ready, vps, GOOD[0])

    assert f"runs {GOOD[0].tag} (nothing ran before), healthy" in ended.stdout
    settle(vps)
    assert_sound(vps, ready)
    assert told(vps) == [f"started deploy {GOOD[0].tag}", f"succeeded deploy {GOOD[0].tag}"]
    succeeded = host.history(vps)[-1]
    assert succeeded["image_id"] == image_id(vps, GOOD[0].image)
    assert succeeded["digest"] == vps.digest(GOOD[0].tag)
    assert succeeded["previous"] is None
    assert succeeded["by"] == f"tester@{os.uname().nodename}"
    assert succeeded["source"] == "terminal"


def test_the_next_deploy_replaces_the_release_and_redeploying_it_changes_nothing(
    deployed: Client, vps: Vps
) -> None:
    ended = deploy(deployed, vps, GOOD[1])

    assert f"runs {GOOD[1].tag} (was {GOOD[0].tag}), healthy" in ended.stdout
    assert host.history(vps)[-1]["previous"]["tag"] == GOOD[0].tag
    settle(vps)
    before = running(vps)

    again = deploy(deployed, vps, GOOD[1])

    assert f"already runs {GOOD[1].tag}" in again.stdout
    assert running(vps) == before
    assert len(told(vps)) == 4


@pytest.mark.parametrize(
    "condition", ["unhealthy", *map(thorough, ("stopped", "paused", "removed"))]
)
def test_redeploying_a_release_that_does_not_run_well_recreates_it(
    deployed: Client, vps: Vps, condition: str
) -> None:
    before = container_ids(vps)
    if condition == "unhealthy":
        make_unhealthy(vps)
    else:
        how = {"stopped": "stop", "paused": "pause", "removed": "rm -f"}[condition]
        vps.run(f"docker {how} {CONTAINER}")

    deploy(deployed, vps, GOOD[0])

    settle(vps)
    assert_sound(vps, deployed)
    assert container_ids(vps) != before
    assert told(vps)[2:] == [f"started deploy {GOOD[0].tag}", f"succeeded deploy {GOOD[0].tag}"]


def test_restarts_of_a_container_from_before_the_run_are_not_held_against_it(
    deployed: Client, vps: Vps
) -> None:
    before = container_ids(vps)
    restart_by_docker(vps, times=3)
    # So long ago, as the host's clock has it, that it does not crash again and again now.
    vps.write(
        "/usr/local/bin/date",
        '#!/bin/sh\nexec /usr/bin/date -d "1 hour" "$@"\n',
        owner="root",
        mode=0o755,
    )
    edit(
        vps,
        f"{INFRA}/compose/docker-compose.yml",
        "    restart: unless-stopped\n",
        "    restart: always\n",
    )

    deploy(deployed, vps, GOOD[0])

    assert container_ids(vps) == before
    assert told(vps)[-1] == f"succeeded deploy {GOOD[0].tag}"


def test_a_deploy_leaves_a_service_alone_that_shares_the_tag_variable(
    ready: Client, vps: Vps
) -> None:
    vps.up(GOOD[0].tag, WORKER, wait=False)
    worker = container_ids(vps, WORKER)
    deploy(ready, vps, GOOD[0])

    ended = deploy(ready, vps, GOOD[1])

    assert container_ids(vps, WORKER) == worker
    assert f"{WORKER} follows IMAGE_TAG too and is not touched" in ended.stdout


def test_all_containers_of_a_service_are_replaced(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps}, compose_files=(*COMPOSE_FILES, SCALED))

    for release in GOOD[:2]:
        ended = client.run("deploy", SERVICE, release.tag)

        assert ended.exit_status == 0, ended.text
        assert [c["Image"] for c in host.containers(vps)] == [image_id(vps, release.image)] * 2
        row = status(client)
        assert (row["state"], row["running"]["tag"]) == ("in sync", release.tag)
        assert [c["health"] for c in row["containers"]] == ["healthy"] * 2
    assert vps.db_counter() == 1


@pytest.mark.thorough
def test_a_lost_container_of_two_is_made_again(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps}, compose_files=(*COMPOSE_FILES, SCALED))
    assert client.run("deploy", SERVICE, GOOD[0].tag).exit_status == 0
    vps.run(f"docker rm -f {CONTAINER}")

    ended = client.run("deploy", SERVICE, GOOD[0].tag)

    assert ended.exit_status == 0, ended.text
    assert len(container_ids(vps)) == 2


def test_a_service_without_a_health_check_must_stay_up(client: Client, vps: Vps) -> None:
    client.write_inventory(
        {"vps": vps}, compose_files=(*COMPOSE_FILES, NO_HEALTHCHECK), service='stable = "4s"\n'
    )
    deploy(client, vps, GOOD[0])
    assert host.history(vps)[-1]["seconds"] >= 4

    # It exits after two seconds.
    ended = client.run("deploy", SERVICE, CRASH_LOOPS.tag)

    assert ended.exit_status == 6, ended.text
    assert vps.served() == GOOD[0].tag
    assert vps.db_counter() == 1


def test_a_tag_that_moved_is_refused_and_the_local_name_is_put_back(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    settle(vps)
    scanned = image_id(vps, GOOD[0].image)
    vps.repush(GOOD[0].tag)

    ended = refuse(deployed, vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json")

    assert ended.json["error"]["code"] == "tag-moved"
    assert image_id(vps, GOOD[0].image) == scanned
    assert image_id(vps, f"{KEPT}:{GOOD[0].tag}") == scanned


@pytest.mark.parametrize(
    "release",
    [ATTESTED, *map(thorough, (GOOD[0], NO_LABEL))],
    ids=["attested", "plain", "without a label"],
)
def test_a_deploy_of_the_scanned_digest_succeeds(ready: Client, vps: Vps, release: Release) -> None:
    digest = vps.digest(release.tag)

    deploy(ready, vps, release, "--digest", digest)
    again = deploy(ready, vps, release, "--digest", digest)

    assert "already runs" in again.stdout
    assert host.history(vps)[-1]["digest"] == digest


def test_a_deploy_that_knows_what_runs_succeeds(deployed: Client, vps: Vps) -> None:
    deploy(deployed, vps, GOOD[1], "--expect-current", GOOD[0].tag)


def test_a_workflow_is_recorded_as_such(ready: Client, vps: Vps) -> None:
    ready.environment |= WORKFLOW

    deploy(ready, vps, GOOD[0])

    settle(vps)
    recorded = host.history(vps)[-1]
    assert (recorded["by"], recorded["source"]) == ("kim", "github-actions")
    assert recorded["run_url"] == "https://github.com/example/enforcer/actions/runs/11972345678"


@pytest.mark.thorough
def test_as_many_earlier_releases_are_kept_as_the_inventory_says(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps}, service="keep = 1\n")

    for release in GOOD[:4]:
        deploy(client, vps, release)
    settle(vps)

    kept = vps.run(f"docker image ls --format '{{{{.Tag}}}}' {KEPT}").stdout.split()
    # What runs, what ran before, and what a rollback from there would go to.
    assert set(kept) == {GOOD[1].tag, GOOD[2].tag, GOOD[3].tag}
    assert image_id(vps, GOOD[0].image) == ""
    configurations = vps.run(f"stat -c '%a %U' {host.STATE}/releases/{SERVICE}/*").stdout
    assert configurations.splitlines() == ["600 deploy"]
    assert status(client)["rollback"]["image_present"] is True


def restart_by_docker(vps: Vps, times: int) -> None:
    """Let the backend crash so often that docker has restarted it as many times."""
    inspect = "docker inspect -f '{{.State.Pid}} {{.State.Status}} {{.RestartCount}}' " + CONTAINER
    for count in range(1, times + 1):
        vps.run(f"kill -9 $({inspect} | cut -d ' ' -f 1)")
        host.await_(vps, f"{inspect} | grep -q ' running {count}$'")
    await_health(vps, "healthy")

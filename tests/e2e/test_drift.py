"""Status tells what somebody changed by hand, and the commands know what to make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client
from tests.e2e.steps import (
    CONTAINER,
    container_ids,
    deploy,
    image_id,
    leave_over,
    make_unhealthy,
    refuse,
    rollback,
    status,
)
from tests.thorough import thorough
from tests.vps.catalogue import CRASH_LOOPS, GOOD
from tests.vps.world import INFRA, NO_HEALTHCHECK, SCALED, Vps


def _other_tag(vps: Vps) -> None:
    vps.up(GOOD[1].tag)


def _stop(vps: Vps) -> None:
    vps.run(f"docker stop {CONTAINER}")


def _remove(vps: Vps) -> None:
    vps.run(f"docker rm -f {CONTAINER}")


def _other_content(vps: Vps) -> None:
    vps.repush(GOOD[0].tag)
    vps.run(f"docker pull -q {GOOD[0].image}")
    vps.up(GOOD[0].tag)


@pytest.mark.parametrize(
    ("change", "state", "tag"),
    [
        (_other_tag, "untracked", GOOD[1].tag),
        thorough(_stop, "not running", GOOD[0].tag),
        thorough(_remove, "not running", None),
        (_other_content, "moved", GOOD[0].tag),
        (make_unhealthy, "unhealthy", GOOD[0].tag),
    ],
    ids=["other tag", "stopped", "removed", "other content", "unhealthy"],
)
def test_a_change_by_hand_is_told_and_fails_the_check(
    deployed: Client, vps: Vps, change: Callable[[Vps], None], state: str, tag: str | None
) -> None:
    assert deployed.run("status", "--check").exit_status == 0

    change(vps)

    checked = deployed.run("status", "--check", "--json")
    assert checked.exit_status == 9
    (row,) = checked.json["services"]
    assert row["state"] == state
    assert (row["running"] or {}).get("tag") == tag
    assert row["recorded"]["tag"] == GOOD[0].tag
    plain = deployed.run("status")
    assert plain.exit_status == 0
    assert state in plain.stdout


def test_a_release_that_nobody_deployed_is_untracked(ready: Client, vps: Vps) -> None:
    vps.up(GOOD[0].tag)

    checked = ready.run("status", "--check", "--json")

    assert checked.exit_status == 9
    (row,) = checked.json["services"]
    assert (row["state"], row["running"]["tag"]) == ("untracked", GOOD[0].tag)
    assert (row["recorded"], row["rollback"]) == (None, None)
    assert row["rollback_refusal"]


def test_a_crash_loop_without_a_health_check_is_told_also_while_it_is_up(
    client: Client, vps: Vps
) -> None:
    files = (*COMPOSE_FILES, NO_HEALTHCHECK)
    client.write_inventory({"vps": vps}, compose_files=files, service='stable = "0s"\n')
    assert client.run("deploy", SERVICE, CRASH_LOOPS.tag).exit_status == 0
    looping = container_ids(vps)

    row = _seen_while_up(client, vps)

    assert (row["state"], row["health"]) == ("unhealthy", "restarting")
    assert "restarts, the last" in client.run("status").stdout
    again = client.run("deploy", SERVICE, CRASH_LOOPS.tag, "--json")
    assert again.exit_status == 0, again.text
    assert again.json["hosts"][0]["outcome"] == "succeeded"
    assert container_ids(vps) != looping


def _seen_while_up(client: Client, vps: Vps) -> Any:
    """A status that met a container up which docker has restarted several times."""
    inspect = f"docker inspect -f '{{{{.State.Status}}}} {{{{.RestartCount}}}}' {CONTAINER}"
    row: Any = None
    while row is None or row["containers"][0]["status"] != "running":
        host.await_(vps, f'case $({inspect}) in "running "[3-9]) ;; *) return 1 ;; esac')
        row = status(client)
    return row


def test_a_service_is_the_same_by_whatever_path_its_directory_is_reached(
    deployed: Client, vps: Vps
) -> None:
    vps.run(f"ln -s {INFRA} /srv/link")

    deployed.write_inventory({"vps": vps}, directory="/srv/link")

    assert deployed.run("status", "--check").exit_status == 0
    again = deployed.run("deploy", SERVICE, GOOD[0].tag, "--json")
    assert again.json["hosts"][0]["outcome"] == "unchanged"


def test_a_service_that_was_started_through_a_link_that_is_gone_is_found(
    ready: Client, vps: Vps
) -> None:
    vps.run(f"ln -s {INFRA} /srv/link")
    flags = " ".join(f"-f {file}" for file in COMPOSE_FILES)
    vps.run(
        f"cd /srv/link && IMAGE_TAG={GOOD[0].tag} docker compose {flags} up -d --wait {SERVICE}",
        user="deploy",
    )
    vps.run("rm /srv/link")

    row = status(ready)

    assert (row["state"], row["running"]["tag"]) == ("untracked", GOOD[0].tag)


def test_what_a_recreate_left_over_beside_a_healthy_service_is_told_and_goes(
    deployed: Client, vps: Vps
) -> None:
    serving = leave_over(vps, SERVICE, GOOD[0].image)

    assert deployed.run("status", "--check").exit_status == 0
    row = status(deployed)
    assert [container["id"] for container in row["containers"]] == [serving]
    assert "left over" in row["notes"][0]
    again = deployed.run("deploy", SERVICE, GOOD[0].tag, "--json")
    assert again.json["hosts"][0]["outcome"] == "unchanged"
    deploy(deployed, vps, GOOD[1])
    assert len(container_ids(vps)) == 1
    assert status(deployed)["notes"] == []


def test_containers_of_two_releases_are_a_mixture(client: Client, vps: Vps) -> None:
    # Published ports would collide.
    files = (*COMPOSE_FILES, SCALED, NO_HEALTHCHECK)
    client.write_inventory({"vps": vps}, compose_files=files, service='stable = "0s"\n')
    assert client.run("deploy", SERVICE, GOOD[0].tag).exit_status == 0
    vps.run(f"docker rm -f {CONTAINER}")
    flags = " ".join(f"-f {file}" for file in files)
    vps.run(
        f"cd /opt/infra; IMAGE_TAG={GOOD[1].tag}"
        f" docker compose {flags} up -d --no-recreate {SERVICE}",
        user="deploy",
    )
    assert len({container["Image"] for container in host.containers(vps)}) == 2

    checked = client.run("status", "--check", "--json")

    assert checked.exit_status == 9
    (row,) = checked.json["services"]
    assert (row["state"], row["running"]) == ("mixed", None)
    assert row["rollback"]["release"]["tag"] == GOOD[0].tag

    again = client.run("deploy", SERVICE, GOOD[1].tag)

    assert again.exit_status == 0, again.text
    images = [container["Image"] for container in host.containers(vps)]
    assert images == [image_id(vps, GOOD[1].image)] * 2


@pytest.mark.thorough
def test_a_rollback_from_what_was_started_by_hand_goes_to_what_was_recorded_last(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    vps.up(GOOD[2].tag)

    rollback(deployed, vps, GOOD[1])

    assert deployed.run("status", "--check").exit_status == 0


@pytest.mark.thorough
def test_content_that_was_swapped_under_a_tag_is_never_deployed_and_can_be_rolled_back(
    deployed: Client, vps: Vps
) -> None:
    scanned = image_id(vps, GOOD[0].image)
    _other_content(vps)
    assert vps.served() == f"{GOOD[0].tag}-moved"

    refused = refuse(deployed, vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json")

    assert refused.json["error"]["code"] == "tag-moved"

    rollback(deployed, vps, GOOD[0])

    assert image_id(vps, GOOD[0].image) == scanned
    assert deployed.run("status", "--check").exit_status == 0

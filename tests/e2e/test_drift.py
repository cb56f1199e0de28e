"""Status tells what somebody changed by hand, and the commands know what to make of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client
from tests.e2e.steps import CONTAINER, deploy, image_id, make_unhealthy, refuse, rollback
from tests.thorough import thorough
from tests.vps.catalogue import GOOD
from tests.vps.world import NO_HEALTHCHECK, SCALED, Vps


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

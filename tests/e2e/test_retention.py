"""Which images stay on a host, and which are removed after a success."""

from __future__ import annotations

import json

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.e2e.steps import BACKEND_FILE, KEPT, deploy, edit, image_id, rollback, status
from tests.faults.gate import Gate
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD, WORKER
from tests.vps.world import COMPOSE_FILES, Vps

TAGS = [release.tag for release in GOOD]
FETCHED = '^docker image inspect --format {"image_id"'
"""What a fetch asks when the image is there and has its name."""


@pytest.fixture
def keeping(client: Client, vps: Vps) -> Client:
    """A client whose inventory keeps two releases."""
    client.write_inventory({"vps": vps}, service="keep = 2\n")
    return client


def kept(vps: Vps, repository: str = KEPT) -> set[str]:
    return set(vps.run(f"docker image ls --format '{{{{.Tag}}}}' {repository}").stdout.split())


def assert_way_back(client: Client, vps: Vps) -> None:
    """What runs, and where a rollback goes, is on the host."""
    row = status(client)
    assert image_id(vps, f"{KEPT}:{row['running']['tag']}") == row["running"]["image_id"]
    if row["rollback"]:
        assert row["rollback"]["image_present"]


def test_images_beyond_keep_go_and_what_runs_and_the_way_back_stay(
    keeping: Client, vps: Vps
) -> None:
    for release in GOOD[:6]:
        deploy(keeping, vps, release)
        settle(vps)
        assert_way_back(keeping, vps)

    assert kept(vps) == set(TAGS[3:6])
    assert kept(vps, f"localhost:5000/{SERVICE}") == set(TAGS[3:6])
    assert image_id(vps, "localhost:5000/db:1")


@pytest.mark.thorough
def test_after_rollbacks_the_next_target_is_still_there(keeping: Client, vps: Vps) -> None:
    for release in GOOD[:3]:
        deploy(keeping, vps, release)
    vps.registry_stop()

    rollback(keeping, vps, GOOD[1])
    settle(vps)
    assert_way_back(keeping, vps)
    rollback(keeping, vps, GOOD[0])
    settle(vps)
    assert_way_back(keeping, vps)


@pytest.mark.thorough
def test_a_failed_deploy_removes_nothing(keeping: Client, vps: Vps) -> None:
    for release in GOOD[:4]:
        deploy(keeping, vps, release)
    settle(vps)
    before = kept(vps)

    assert keeping.run("deploy", SERVICE, EXITS_AT_ONCE.tag).exit_status == 6
    settle(vps)

    assert kept(vps) >= before
    assert_way_back(keeping, vps)


@pytest.mark.thorough
def test_nothing_goes_where_keep_is_0(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps}, service="keep = 0\n")
    for release in GOOD[:4]:
        deploy(client, vps, release)
    settle(vps)

    assert kept(vps) == set(TAGS[:4])
    assert kept(vps, f"localhost:5000/{SERVICE}") == set(TAGS[:4])


@pytest.mark.thorough
def test_images_of_another_service_stay(keeping: Client, vps: Vps) -> None:
    vps.up(TAGS[0], WORKER)
    vps.run(f"docker pull -q localhost:5000/{WORKER}:{TAGS[1]}")
    before = kept(vps, f"localhost:5000/{WORKER}")

    for release in GOOD[:5]:
        deploy(keeping, vps, release)
    settle(vps)

    assert before == {TAGS[0], TAGS[1]}
    assert kept(vps, f"localhost:5000/{WORKER}") == before


@pytest.mark.thorough
def test_a_service_that_shares_the_repository_keeps_its_names(client: Client, vps: Vps) -> None:
    edit(vps, BACKEND_FILE, f"localhost:5000/{WORKER}", f"localhost:5000/{SERVICE}")
    client.write_inventory({"vps": vps}, service="keep = 1\n")
    worker = (
        f'\n[services.{WORKER}]\nmodel = "compose"\nhosts = ["vps"]\ndirectory = "/opt/infra"\n'
        f'compose_files = {json.dumps(list(COMPOSE_FILES))}\nstable = "500ms"\n'
    )
    client.inventory.write_text(client.inventory.read_text() + worker)
    deployed = client.run("deploy", WORKER, TAGS[0])
    assert deployed.exit_status == 0, deployed.text
    vps.run(f"docker create --name by-hand localhost:5000/{SERVICE}:{TAGS[1]}")

    for release in GOOD[:6]:
        deploy(client, vps, release)
    settle(vps)

    # Of the worker, of the container made by hand, and of the backend's way back.
    assert kept(vps, f"localhost:5000/{SERVICE}") == {TAGS[0], TAGS[1], *TAGS[3:6]}
    assert kept(vps, f"deployctl/compose/{WORKER}") == {TAGS[0]}


@pytest.mark.thorough
def test_what_the_version_before_kept_stays_and_is_found(keeping: Client, vps: Vps) -> None:
    for release in GOOD[:2]:
        deploy(keeping, vps, release)
    settle(vps)
    vps.run(
        f"for tag in {TAGS[0]} {TAGS[1]}\n"
        f"do docker tag {KEPT}:$tag deployctl/{SERVICE}:$tag; done\n"
        f"docker image rm {KEPT}:{TAGS[0]} {KEPT}:{TAGS[1]} {GOOD[0].image}"
    )

    for release in GOOD[2:5]:
        deploy(keeping, vps, release)
        settle(vps)
    vps.registry_stop()

    assert kept(vps, f"deployctl/{SERVICE}") == set(TAGS[:2])
    rollback(keeping, vps, GOOD[0], TAGS[0])


@pytest.mark.parametrize("fetched_before", [False, True])
def test_an_image_that_is_fetched_while_another_run_tidies_up_is_not_lost(
    keeping: Client, vps: Vps, *, fetched_before: bool
) -> None:
    for release in GOOD[:2]:
        deploy(keeping, vps, release)
    late = GOOD[3]
    if fetched_before:
        refused = keeping.run("deploy", SERVICE, late.tag, "--digest", f"sha256:{64 * '0'}")
        assert refused.exit_status == 3, refused.text
    gate = Gate(vps)
    gate.install()
    gate.close("after", f"docker tag sha256:* {KEPT}:{GOOD[2].tag}")
    tidying = keeping.run("deploy", SERVICE, GOOD[2].tag)
    assert tidying.exit_status == 0, tidying.text
    gate.await_reached()

    with keeping.start("deploy", SERVICE, late.tag, "--wait", "60s") as running:
        host.await_(vps, f"[ $(grep -c '{FETCHED}' /tmp/gate/calls) = 2 ]")
        gate.open()
        ended = running.wait()

    assert ended.exit_status == 0, ended.text
    assert vps.served() == late.tag

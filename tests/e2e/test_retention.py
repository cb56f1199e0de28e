"""Which images stay on a host, and which are removed after a success."""

from __future__ import annotations

import json

import pytest

from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.e2e.steps import BACKEND_FILE, KEPT, deploy, edit, image_id, rollback, status
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD, WORKER
from tests.vps.world import COMPOSE_FILES, Vps

TAGS = [release.tag for release in GOOD]


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
    assert kept(vps, f"deployctl/{WORKER}") == {TAGS[0]}

"""persist = true: the tag stays, also for a plain `docker compose up` by hand."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import BACKEND_FILE, deploy, edit, refuse, rollback
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import INFRA, Vps

ENV = f"{INFRA}/compose/.env"
OTHERS = "# of the project\nexport LEVEL='info' # and more\nDB_PASSWORD=\"a b#c\"\n"
_FILES = " ".join(f"-f {file}" for file in COMPOSE_FILES)


@pytest.fixture
def keeping(client: Client, vps: Vps) -> Client:
    """A client that keeps the tag; the other service has a variable of its own."""
    edit(vps, BACKEND_FILE, "enforcer-worker:${IMAGE_TAG}", f"enforcer-worker:{GOOD[0].tag}")
    client.write_inventory({"vps": vps}, service="persist = true\n")
    return client


def test_a_plain_up_by_hand_recreates_nothing_after_a_deploy_and_after_a_rollback(
    keeping: Client, vps: Vps
) -> None:
    vps.write(ENV, f"{OTHERS}IMAGE_TAG=sha-0000000 # set by hand\n", mode=0o640)
    deploy(keeping, vps, GOOD[0])
    _assert_up_by_hand_changes_nothing(vps, also_starts="enforcer-worker")

    deploy(keeping, vps, GOOD[1])
    assert vps.read(ENV) == f"{OTHERS}IMAGE_TAG={GOOD[1].tag} # set by hand\n"
    assert vps.run(f"stat -c '%a %U' {ENV}").stdout == "640 deploy\n"
    _assert_up_by_hand_changes_nothing(vps)

    rollback(keeping, vps, GOOD[0])
    assert vps.read(ENV) == f"{OTHERS}IMAGE_TAG={GOOD[0].tag} # set by hand\n"
    _assert_up_by_hand_changes_nothing(vps)


@pytest.mark.thorough
def test_a_deploy_that_was_put_back_leaves_the_tag_that_is_back(keeping: Client, vps: Vps) -> None:
    deploy(keeping, vps, GOOD[0])
    vps.write(ENV, f"{OTHERS}IMAGE_TAG={GOOD[0].tag}")

    ended = keeping.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 6, ended.text
    assert vps.read(ENV) == f"{OTHERS}IMAGE_TAG={GOOD[0].tag}"
    _assert_up_by_hand_changes_nothing(vps, also_starts="enforcer-worker")
    settle(vps)
    assert assert_sound(vps, keeping) == GOOD[0].tag


@pytest.mark.thorough
def test_a_tag_that_runs_already_is_kept_once_it_shall_be(keeping: Client, vps: Vps) -> None:
    keeping.write_inventory({"vps": vps})
    deploy(keeping, vps, GOOD[0])
    keeping.write_inventory({"vps": vps}, service="persist = true\n")

    deploy(keeping, vps, GOOD[0])
    assert vps.read(ENV) == f"IMAGE_TAG={GOOD[0].tag}\n"
    again = deploy(keeping, vps, GOOD[0])

    assert "already runs" in again.stdout
    _assert_up_by_hand_changes_nothing(vps, also_starts="enforcer-worker")


@pytest.mark.thorough
def test_a_dependency_whose_configuration_was_edited_is_left_alone(
    keeping: Client, vps: Vps
) -> None:
    deploy(keeping, vps, GOOD[0])
    (before,) = host.containers(vps, "db")
    edit(vps, f"{INFRA}/compose/docker-compose.yml", "retries: 1", "retries: 4")

    ended = deploy(keeping, vps, GOOD[1])

    assert "dependency db was started with another configuration" in ended.text
    (after,) = host.containers(vps, "db")
    assert after["Id"] == before["Id"]
    assert vps.read(ENV) == f"IMAGE_TAG={GOOD[1].tag}\n"


def test_a_tag_that_others_follow_is_not_kept(ready: Client, vps: Vps) -> None:
    ready.write_inventory({"vps": vps}, service="persist = true\n")

    refused = refuse(ready, vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json")

    assert refused.json["error"]["code"] == "tag-shared"
    assert "enforcer-worker" in refused.stderr


def test_a_file_that_cannot_be_replaced_is_known_before_anything_changes(
    keeping: Client, vps: Vps
) -> None:
    deploy(keeping, vps, GOOD[0])
    vps.run(f"chown root: {ENV}")

    for command in (
        ("deploy", SERVICE, GOOD[1].tag),
        ("deploy", SERVICE, GOOD[1].tag, "--dry-run"),
        ("check",),
    ):
        refused = keeping.run(*command, "--json")
        assert refused.exit_status == 4, refused.text
        assert f"chown deploy {ENV}" in refused.text

    vps.run(f"chown root: {INFRA}/compose")
    (row,) = keeping.run("check", "--json").json["services"]
    (remedy,) = (f["remedy"] for f in row["findings"] if f["code"] == "env-file-foreign")
    _, *commands = remedy.splitlines()
    for command in commands:
        vps.run(command)
    assert keeping.run("check").exit_status == 0
    assert [line["event"] for line in host.history(vps)] == ["started", "succeeded"]


@pytest.mark.thorough
def test_a_link_stays_a_link(keeping: Client, vps: Vps) -> None:
    vps.write(f"{INFRA}/settings", OTHERS)
    vps.run(f"runuser -u deploy -- ln -s ../settings {ENV}")

    deploy(keeping, vps, GOOD[0])

    assert vps.run(f"readlink {ENV}").stdout == "../settings\n"
    assert vps.read(f"{INFRA}/settings") == f"{OTHERS}IMAGE_TAG={GOOD[0].tag}\n"


def _assert_up_by_hand_changes_nothing(vps: Vps, *, also_starts: str = "") -> None:
    """Without any variable set, as somebody in a hurry types it."""
    if also_starts:
        vps.run(f"cd {INFRA} && runuser -u deploy -- docker compose {_FILES} up -d {also_starts}")
    before = vps.run("docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'").stdout
    vps.run(f"cd {INFRA} && runuser -u deploy -- docker compose {_FILES} up -d")
    after = vps.run("docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'").stdout
    assert after == before

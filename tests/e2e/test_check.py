"""`deployctl check`: whether each host could take a deploy, and what to mend."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import BACKEND_FILE, KEPT, await_health, deploy, edit, snapshot
from tests.vps.catalogue import GOOD
from tests.vps.world import REGISTRY_AUTH, REGISTRY_PASSWORD, REGISTRY_USER, Vps, World

HOLDS = f"{host.STATE}/holds"
POINTS = {
    *("connection", "host-key", "clock", "tools", "files", "docker", "compose", "image", "health"),
    *("dependencies", "registry", "state", "history", "logout", "lock", "disk", "hold"),
    "rollback",
}


def check(client: Client, exit_status: int, *options: str) -> dict[str, list[dict[str, Any]]]:
    """The findings of the only row, by point; what is not well has a remedy."""
    ended = client.run("check", "--json", *options)
    assert ended.exit_status == exit_status, ended.text
    assert ended.json["ok"] == (exit_status == 0)
    (row,) = ended.json["services"]
    assert row["ready"] == (exit_status == 0)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in row["findings"]:
        assert finding["severity"] == "ok" or finding["remedy"], finding
        found.setdefault(finding["check"], []).append(finding)
    return found


def codes(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {finding["code"] for findings in found.values() for finding in findings} - {"ok"}


def test_a_host_in_good_order_is_ready_and_nothing_on_it_changes(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    before = snapshot(vps)

    found = check(deployed, 0)

    assert set(found) == POINTS
    assert codes(found) == set()
    assert snapshot(vps) == before
    assert f"goes to {GOOD[0].tag}" in found["rollback"][0]["message"]


def test_a_fresh_host_is_ready_with_a_warning_and_stays_fresh(ready: Client, vps: Vps) -> None:
    before = snapshot(vps)

    assert codes(check(ready, 0)) == {"rollback-none"}
    assert snapshot(vps) == before


def test_several_things_that_are_wrong_are_all_found_at_once(deployed: Client, vps: Vps) -> None:
    edit(vps, BACKEND_FILE, "enforcer-backend:${IMAGE_TAG}", "enforcer-backend:latest")
    edit(vps, BACKEND_FILE, "start_period: 1s", "start_period: 1m30s")
    vps.run("docker exec compose-db-1 /bin/busybox mv /data/starts /data/gone")
    await_health(vps, "unhealthy", "compose-db-1")
    vps.run(f"install -d -o deploy {HOLDS}; touch {HOLDS}/{SERVICE}; chown root: {host.HISTORY}")

    found = check(deployed, 4)

    wrong = {"tag-not-used", "dependency-unhealthy", "state-foreign", "hold", "rollback-none"}
    assert codes(found) == wrong | {"history-unreadable", "health-timeout-short"}


def test_a_registry_that_is_down_or_silent_is_a_problem(ready: Client, vps: Vps) -> None:
    vps.registry_stop()
    assert "registry-down" in codes(check(ready, 3))
    vps.registry_start()
    with host.registry_stalled(vps):
        assert "registry-down" in codes(check(ready, 3))
    assert "registry-down" not in codes(check(ready, 0))


def test_a_registry_that_wants_a_login_is_told_from_one_that_is_down(
    ready: Client, vps: Vps
) -> None:
    vps.registry_auth_start()
    edit(vps, BACKEND_FILE, "localhost:5000/enforcer-backend", f"{REGISTRY_AUTH}/enforcer-backend")

    found = check(ready, 3)
    assert "registry-denied" in codes(found)
    assert f"docker login {REGISTRY_AUTH}" in found["registry"][0]["remedy"]

    vps.run(
        f"docker login -u {REGISTRY_USER} -p {REGISTRY_PASSWORD} {REGISTRY_AUTH}", user="deploy"
    )
    assert codes(check(ready, 0)) == {"rollback-none"}


def test_the_login_of_the_inventory_is_tried_and_leaves_nothing_behind(
    client: Client, vps: Vps
) -> None:
    vps.registry_auth_start()
    edit(vps, BACKEND_FILE, "localhost:5000/enforcer-backend", f"{REGISTRY_AUTH}/enforcer-backend")
    login = (
        f'\n[services.{SERVICE}.registry]\nserver = "{REGISTRY_AUTH}"\n'
        f'username = "{REGISTRY_USER}"\npassword = {{ env = "REGISTRY_TOKEN", optional = true }}\n'
    )
    client.write_inventory({"vps": vps}, service=login)
    before = snapshot(vps)

    client.environment = {"REGISTRY_TOKEN": REGISTRY_PASSWORD}
    assert codes(check(client, 0)) == {"rollback-none"}
    client.environment = {"REGISTRY_TOKEN": "wrong-horse"}
    assert "registry-denied" in codes(check(client, 3))
    client.environment = {}
    assert "registry-denied" in codes(check(client, 3))
    assert snapshot(vps) == before
    assert vps.run("ls -A /home/deploy/.docker 2>/dev/null", check=False).stdout == ""


def test_a_lock_that_is_held_and_a_hold_are_status_5(deployed: Client, vps: Vps) -> None:
    with host.lock_held(vps, tag=GOOD[1].tag):
        assert "busy" in codes(check(deployed, 5))
    deployed.run("hold", SERVICE, "--reason", "audit")
    assert "hold" in codes(check(deployed, 5))


@pytest.mark.thorough
def test_a_gap_in_the_history_is_a_warning(deployed: Client, vps: Vps) -> None:
    deploy(deployed, vps, GOOD[1])
    vps.run(f"sed -i 2d {host.HISTORY}")

    found = check(deployed, 0)

    assert "history-damaged" in codes(found)
    assert "numbering is broken" in found["history"][0]["details"][0]


@pytest.mark.thorough
def test_a_target_whose_image_is_gone_is_a_warning(deployed: Client, vps: Vps) -> None:
    deploy(deployed, vps, GOOD[1])
    vps.run(f"docker image rm {KEPT}:{GOOD[0].tag} {GOOD[0].image}")

    assert codes(check(deployed, 0)) == {"rollback-image-missing"}


def test_a_docker_that_is_down_is_one_problem_and_not_ten(ready: Client, vps: Vps) -> None:
    vps.dockerd_stop()

    found = check(ready, 4)

    assert codes(found) == {"docker-down"}


def test_a_small_disk_is_a_warning_and_a_full_one_a_problem(ready: Client, vps: Vps) -> None:
    vps.run(
        "cd /opt/infra; install -d -o deploy .deployctl; chown deploy: .deployctl;"
        " mount -t tmpfs -o size=20m,uid=$(id -u deploy) none .deployctl"
    )
    assert "disk-low" in codes(check(ready, 0))
    vps.run(f"head -c 30M /dev/zero >{host.STATE}/filler", user="deploy", check=False)
    assert "disk-full" in codes(check(ready, 4))


def test_hosts_that_cannot_be_reached_or_trusted_are_findings_beside_the_others(
    client: Client, vps: Vps, world: World
) -> None:
    other = world.vps(1)
    other.reset()
    client.write_inventory(
        {"lost": vps, "odd": other, "vps": vps}, addresses={"lost": ("127.0.0.1", 1)}
    )
    text = client.inventory.read_text()
    client.inventory.write_text(text.replace(other.fingerprint(), "SHA256:" + "A" * 43))

    ended = client.run("check", "--json")

    rows = {row["host"]: row for row in ended.json["services"]}
    assert ended.exit_status == 4
    assert [f["code"] for f in rows["lost"]["findings"]] == ["connection-refused"]
    assert [f["check"] for f in rows["odd"]["findings"]] == ["host-key"]
    assert rows["vps"]["ready"]


@pytest.mark.thorough
def test_people_see_a_table_with_marks_and_remedies(ready: Client, vps: Vps) -> None:
    ready.run("hold", SERVICE, "--reason", "audit")
    before = snapshot(vps)

    ended = ready.run("check")

    assert ended.exit_status == 5
    assert "HOST  SERVICE           READY  FINDINGS" in ended.stdout
    assert "✗ deploys of this service are held by tester@" in ended.stdout
    assert "next: wait, or talk to them" in ended.stdout
    assert ended.stderr == ""
    assert snapshot(vps) == before

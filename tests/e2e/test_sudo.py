"""A user who may not use docker, or not write to the directory, works under `sudo -n`."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.e2e.steps import BACKEND_FILE, deploy, edit, refuse, rollback, status, told
from tests.vps.catalogue import GOOD, NEVER_HEALTHY
from tests.vps.world import INFRA, REGISTRY, REGISTRY_AUTH, REGISTRY_PASSWORD, REGISTRY_USER, Vps


def under_sudo(client: Client, vps: Vps, *, user: str = "nodocker", service: str = "") -> Client:
    client.write_inventory({"vps": vps}, user=user, host="sudo = true\n", service=service)
    return client


def test_the_tag_survives_sudo_there_and_back(client: Client, vps: Vps) -> None:
    under_sudo(client, vps)

    deploy(client, vps, GOOD[0])
    deploy(client, vps, GOOD[1])
    (container,) = host.containers(vps)
    assert container["Config"]["Image"] == GOOD[1].image
    rollback(client, vps, GOOD[0])

    row = status(client)
    assert row["state"] == "in sync"
    assert row["running"]["tag"] == GOOD[0].tag
    assert client.run("history", SERVICE).exit_status == 0
    settle(vps)
    assert vps.run("stat -c %U /opt/infra/.deployctl/history.jsonl").stdout == "root\n"


@pytest.mark.thorough
def test_a_failed_deploy_under_sudo_is_put_back(client: Client, vps: Vps) -> None:
    under_sudo(client, vps)
    deploy(client, vps, GOOD[0])

    ended = client.run("deploy", SERVICE, NEVER_HEALTHY.tag)

    assert ended.exit_status == 6, ended.text
    assert vps.served() == GOOD[0].tag
    assert told(vps)[-1] == f"restored deploy {NEVER_HEALTHY.tag}"


@pytest.mark.thorough
def test_a_killed_client_under_sudo_leaves_a_run_that_ends(client: Client, vps: Vps) -> None:
    under_sudo(client, vps)
    deploy(client, vps, GOOD[0])
    with client.start("deploy", SERVICE, GOOD[1].tag) as running:
        host.await_(vps, f"grep -q {GOOD[1].tag} {host.HISTORY}")
        running.kill()

    host.await_(vps, f'[ "$(grep -c succeeded {host.HISTORY})" = 2 ]')

    assert vps.served() == GOOD[1].tag
    assert status(client)["state"] == "in sync"


def test_without_sudo_the_message_names_it(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps}, user="nodocker")

    ended = refuse(client, vps, 4, "deploy", SERVICE, GOOD[0].tag, "--json")

    assert ended.json["error"]["code"] == "docker-denied"
    assert "sudo = true in [hosts.vps]" in ended.json["error"]["hint"]


def test_a_sudo_that_asks_for_a_password_is_an_error_and_not_a_wait(
    client: Client, vps: Vps
) -> None:
    under_sudo(client, vps, user="plain")

    ended = refuse(client, vps, 4, "deploy", SERVICE, GOOD[0].tag, "--json")

    assert ended.json["error"]["code"] == "script-failed"
    assert "sudo -n" in ended.json["error"]["hint"]


def test_a_directory_of_another_user_is_refused_by_name_and_works_under_sudo(
    client: Client, vps: Vps
) -> None:
    vps.run(f"usermod -aG docker nodocker && chown -R root: {INFRA}")
    try:
        client.write_inventory({"vps": vps}, user="nodocker")

        ended = refuse(client, vps, 4, "deploy", SERVICE, GOOD[0].tag, "--json")

        assert ended.json["error"]["code"] == "state-foreign"
        assert f"{INFRA}/.deployctl" in ended.json["error"]["message"]
        deploy(under_sudo(client, vps), vps, GOOD[0])
    finally:
        vps.run("gpasswd -d nodocker docker")


@pytest.mark.thorough
def test_what_sudo_made_is_refused_by_name_to_those_who_do_without(
    client: Client, vps: Vps
) -> None:
    deploy(under_sudo(client, vps), vps, GOOD[0])
    settle(vps)
    client.write_inventory({"vps": vps})

    ended = refuse(client, vps, 4, "deploy", SERVICE, GOOD[1].tag, "--json")

    assert ended.json["error"]["code"] == "state-foreign"
    assert "chown" in ended.json["error"]["hint"]


@pytest.mark.thorough
def test_a_registrys_password_gets_through_sudo_and_leaves_no_trace(
    client: Client, vps: Vps
) -> None:
    vps.registry_auth_start()
    edit(vps, BACKEND_FILE, f"{REGISTRY}/{SERVICE}", f"{REGISTRY_AUTH}/{SERVICE}")
    login = (
        f'[services.{SERVICE}.registry]\nserver = "{REGISTRY_AUTH}"\n'
        f'username = "{REGISTRY_USER}"\npassword = {{ env = "TOKEN" }}\n'
    )
    under_sudo(client, vps, service=login)

    ended = client.run("deploy", SERVICE, GOOD[0].tag, TOKEN=REGISTRY_PASSWORD)

    assert ended.exit_status == 0, ended.text
    assert vps.run("ls /dev/shm").stdout == ""
    assert vps.run("ls -A /root/.docker", check=False).stdout == ""

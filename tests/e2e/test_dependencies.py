"""What a service needs is started if it is missing, and otherwise never touched."""

from __future__ import annotations

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import container_ids, deploy, edit, refuse, told
from tests.vps.catalogue import GOOD
from tests.vps.world import INFRA, Vps

DATABASE = "compose-db-1"


def test_a_dependency_that_is_not_there_is_started_first(ready: Client, vps: Vps) -> None:
    vps.run(f"docker rm -f -v {DATABASE}")

    ended = ready.run("deploy", SERVICE, GOOD[0].tag)

    assert ended.exit_status == 0, ended.text
    assert vps.served() == GOOD[0].tag
    (database,) = host.containers(vps, "db")
    (backend,) = host.containers(vps)
    assert database["State"]["Health"]["Status"] == "healthy"
    assert database["State"]["StartedAt"] < backend["Created"]
    before = container_ids(vps, "db")

    assert ready.run("deploy", SERVICE, GOOD[1].tag).exit_status == 0

    assert container_ids(vps, "db") == before


def test_a_dependency_that_does_not_get_healthy_fails_the_deploy_and_nothing_else(
    client: Client, vps: Vps
) -> None:
    client.write_inventory({"vps": vps}, service='health_timeout = "3s"\n')
    deploy(client, vps, GOOD[0])
    before = container_ids(vps)
    vps.run(f"docker rm -f -v {DATABASE}")
    edit(vps, f"{INFRA}/compose/docker-compose.yml", "5432/starts", "5432/no-such-page")

    ended = client.run("deploy", SERVICE, GOOD[1].tag, "--json")

    assert ended.exit_status == 6, ended.text
    assert host.history(vps)[-1]["reason"] == "dependency-unhealthy"
    assert container_ids(vps) == before
    assert vps.served() == GOOD[0].tag


def test_an_unhealthy_dependency_stops_a_deploy_but_not_a_rollback(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    vps.run(f"docker stop -t 1 {DATABASE}")

    refused = refuse(deployed, vps, 3, "deploy", SERVICE, GOOD[2].tag, "--json")

    assert refused.json["error"]["code"] == "dependency-unhealthy"

    ended = deployed.run("rollback", SERVICE)

    assert ended.exit_status == 0, ended.text
    assert vps.served() == GOOD[0].tag
    assert "note: dependency db is not healthy" in ended.stdout
    assert told(vps)[-1] == f"succeeded rollback {GOOD[0].tag}"
    (database,) = host.containers(vps, "db")
    assert database["State"]["Status"] == "exited"

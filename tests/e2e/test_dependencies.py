"""What a service needs is started if it is missing, and otherwise never touched."""

from __future__ import annotations

from typing import Any

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client
from tests.e2e.steps import container_ids, deploy, edit, leave_over, refuse, rollback, told
from tests.faults.gate import Gate
from tests.faults.scene import keep_tag_for_one_service
from tests.vps.catalogue import GOOD
from tests.vps.world import INFRA, Vps

DATABASE = "compose-db-1"
MIGRATION = """
services:
  migrate:
    image: localhost:5000/enforcer-backend:${IMAGE_TAG}
    entrypoint: [/bin/busybox, sh, -c, "until test -e /data/go; do sleep 0.1; done;
      sleep 2; echo $$RELEASE >>/data/migrated; echo migrating; test ! -e /data/broken"]
    volumes: ["/opt/infra/data:/data"]
    networks: [backend]
    depends_on: {db: {condition: service_healthy}}
  queue:
    image: localhost:5000/enforcer-worker:sha-1a2b3c4
    networks: [backend]
    depends_on: {migrate: {condition: service_completed_successfully}}
    deploy: {replicas: 2}
  enforcer-backend:
    depends_on: {NEEDED: {condition: CONDITION}}
"""
"""On top of the usual files: what ends before the service starts, by itself or for a queue."""


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


def test_what_a_recreate_of_a_dependency_left_over_does_not_take_the_one_that_serves(
    client: Client, vps: Vps
) -> None:
    """Where the tag is kept, Compose looks at the dependencies, too."""
    keep_tag_for_one_service(vps)
    client.write_inventory({"vps": vps}, service="persist = true\n")
    deploy(client, vps, GOOD[0])
    serving = leave_over(vps, "db", "localhost:5000/db:1")

    deploy(client, vps, GOOD[1])

    assert container_ids(vps, "db") == [serving]
    assert vps.db_counter() == 1


def test_a_dependency_that_does_not_get_healthy_fails_the_deploy_and_nothing_else(
    client: Client, vps: Vps
) -> None:
    client.write_inventory({"vps": vps})
    deploy(client, vps, GOOD[0])
    client.write_inventory({"vps": vps}, service='health_timeout = "3s"\n')
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


def test_a_migration_ends_well_before_each_release_and_is_not_run_for_a_rollback(
    client: Client, vps: Vps
) -> None:
    add_migration(client, vps)

    for release in GOOD[:2]:
        deploy(client, vps, release)

        (migration,), (backend,) = host.containers(vps, "migrate"), host.containers(vps)
        assert migration["State"]["FinishedAt"] < backend["Created"]
    assert migrated(vps) == [GOOD[0].tag, GOOD[1].tag]

    gone_back = rollback(client, vps, GOOD[0])

    assert migrated(vps) == [GOOD[0].tag, GOOD[1].tag]
    assert f"note: dependency migrate ran for {GOOD[1].tag} last" in gone_back.stdout


def test_a_migration_that_fails_leaves_the_release_alone_and_the_next_deploy_runs_its_own(
    client: Client, vps: Vps
) -> None:
    add_migration(client, vps)
    deploy(client, vps, GOOD[0])
    before = host.containers(vps)
    vps.run(f"touch {INFRA}/data/broken")

    failed = client.run("deploy", SERVICE, GOOD[1].tag)

    assert failed.exit_status == 6, failed.text
    assert "migrating" in failed.text
    assert host.history(vps)[-1]["reason"] == "dependency-incomplete"
    assert moments(host.containers(vps)) == moments(before)

    vps.run(f"rm {INFRA}/data/broken")
    deploy(client, vps, GOOD[2])

    assert migrated(vps) == [release.tag for release in GOOD[:3]]


def test_a_migration_is_run_once_docker_is_back(client: Client, vps: Vps) -> None:
    add_migration(client, vps)
    deploy(client, vps, GOOD[0])
    gate = Gate(vps)
    gate.install()
    gate.close("before", "docker compose * up -d --no-deps * migrate")

    with client.start("deploy", SERVICE, GOOD[1].tag) as running:
        gate.await_reached()
        gate.open_with_docker_away()
        ended = running.wait()

    assert ended.exit_status == 0, ended.text
    assert migrated(vps) == [GOOD[0].tag, GOOD[1].tag]


def test_a_migration_that_runs_is_waited_for_and_not_run_twice(client: Client, vps: Vps) -> None:
    add_migration(client, vps)
    vps.run(f"rm {INFRA}/data/go")
    vps.run(
        f"cd {INFRA}/compose; IMAGE_TAG={GOOD[0].tag} docker compose -f docker-compose.yml"
        " -f enforcer/docker-compose.yml -f migration.yml up -d migrate",
        user="deploy",
    )

    with client.start("deploy", SERVICE, GOOD[0].tag) as running:
        host.await_step(vps, "dependencies")
        assert host.containers(vps) == []
        vps.run(f"touch {INFRA}/data/go")
        ended = running.wait()

    assert ended.exit_status == 0, ended.text
    assert migrated(vps) == [GOOD[0].tag]


def test_all_containers_of_what_is_needed_are_waited_for_and_what_that_needs_runs_once(
    client: Client, vps: Vps
) -> None:
    add_migration(client, vps, needed="queue", condition="service_started")

    for release in GOOD[:2]:
        vps.run(
            "docker ps -aq --filter label=com.docker.compose.service=queue | xargs -r docker rm -f"
        )
        deploy(client, vps, release)

        queue = host.containers(vps, "queue")
        assert [c["State"]["Status"] for c in queue] == ["running"] * 2
    assert migrated(vps) == [GOOD[0].tag, GOOD[1].tag]


def add_migration(
    client: Client,
    vps: Vps,
    needed: str = "migrate",
    condition: str = "service_completed_successfully",
) -> None:
    """Let the service need a migration, which runs to its end where there is a file data/go."""
    vps.run(f"mkdir {INFRA}/data && touch {INFRA}/data/go")
    text = MIGRATION.replace("NEEDED", needed).replace("CONDITION", condition)
    vps.write(f"{INFRA}/compose/migration.yml", text)
    client.write_inventory(
        {"vps": vps},
        compose_files=(*COMPOSE_FILES, "compose/migration.yml"),
        service='health_timeout = "10s"\n',
    )


def migrated(vps: Vps) -> list[str]:
    """The releases whose migration ran, in that order."""
    return vps.read(f"{INFRA}/data/migrated").split()


def moments(containers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Which containers there are, and since when they run."""
    return sorted((c["Id"], c["State"]["StartedAt"]) for c in containers)

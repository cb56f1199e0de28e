"""Nothing but the service is ever recreated, and nothing is built on the host."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import BACKEND_FILE, await_health, deploy, edit, refuse, rollback
from tests.vps.catalogue import GOOD
from tests.vps.world import INFRA, Vps

WORKER = "enforcer-worker"
PROJECT_FILE = f"{INFRA}/compose/docker-compose.yml"


def others(vps: Vps) -> str:
    """Every container but the service's, with the moment at which it started."""
    inspect = "docker inspect -f '{{.Id}} {{.Name}} {{.State.StartedAt}}'"
    said = vps.run(f"docker ps -aq --no-trunc | xargs {inspect} | sort").stdout
    return "".join(line for line in said.splitlines(keepends=True) if f"-{SERVICE}-" not in line)


def images(vps: Vps) -> set[str]:
    """The ids of all images on the host."""
    return set(vps.run("docker image ls -aq --no-trunc").stdout.split())


def there_and_back(client: Client, vps: Vps) -> str:
    """Deploy twice and roll back, none of which touches anything else; return the notes."""
    before = others(vps)
    said = "".join(
        ended.stdout
        for ended in (
            deploy(client, vps, GOOD[0]),
            deploy(client, vps, GOOD[1]),
            rollback(client, vps, GOOD[0]),
        )
    )
    assert others(vps) == before
    return said


def test_a_dependency_that_shares_the_tag_keeps_what_it_runs(ready: Client, vps: Vps) -> None:
    condition = "      db:\n        condition: service_healthy\n"
    edit(
        vps,
        BACKEND_FILE,
        f"depends_on:\n{condition}    networks:\n      - backend\n    ports:",
        f"depends_on:\n{condition}      {WORKER}:\n        condition: service_started\n"
        "    networks:\n      - backend\n    ports:",
    )
    vps.up(GOOD[2].tag, WORKER)

    said = there_and_back(ready, vps)

    (worker,) = host.containers(vps, WORKER)
    assert worker["Config"]["Image"].endswith(f":{GOOD[2].tag}")
    assert f"note: {WORKER} follows IMAGE_TAG too and is not touched by this run" in said
    assert f"dependency {WORKER} was started with" not in said


def test_a_dependency_whose_configuration_was_edited_is_reported_and_left_alone(
    ready: Client, vps: Vps
) -> None:
    edit(vps, PROJECT_FILE, "    restart: unless-stopped\n", "    restart: always\n")

    said = there_and_back(ready, vps)

    assert (
        said.count("note: dependency db was started with another configuration than today's") == 3
    )


@pytest.mark.thorough
def test_a_dependency_whose_local_tag_moved_is_reported_and_left_alone(
    ready: Client, vps: Vps
) -> None:
    vps.run(f"docker pull -q {GOOD[7].image} && docker tag {GOOD[7].image} localhost:5000/db:1")
    try:
        said = there_and_back(ready, vps)
    finally:
        vps.run("docker pull -q localhost:5000/db:1")

    assert said.count("note: dependency db was started with another image than today's") == 3


@pytest.mark.thorough
def test_a_dependency_that_is_as_it_was_started_is_not_worth_a_note(
    ready: Client, vps: Vps
) -> None:
    assert "dependency db" not in there_and_back(ready, vps)


@pytest.mark.thorough
def test_a_dependency_that_runs_and_is_unhealthy_is_not_restarted(
    deployed: Client, vps: Vps
) -> None:
    make_unhealthy_database(vps)
    before = others(vps)

    refused = refuse(deployed, vps, 3, "deploy", SERVICE, GOOD[1].tag, "--json")

    assert refused.json["error"]["code"] == "dependency-unhealthy"
    assert others(vps) == before


def test_a_service_with_a_build_section_is_refused_and_nothing_is_built(
    deployed: Client, vps: Vps
) -> None:
    vps.write(f"{INFRA}/compose/Dockerfile", "FROM scratch\nLABEL built=here\n")
    edit(vps, BACKEND_FILE, f"  {SERVICE}:\n", f"  {SERVICE}:\n    build: .\n")
    before = images(vps)

    refused = refuse(deployed, vps, 3, "deploy", SERVICE, GOOD[1].tag, "--json")

    assert refused.json["error"]["code"] == "build-section"
    assert images(vps) == before


@pytest.mark.thorough
def test_a_dependency_with_a_build_section_is_never_built(ready: Client, vps: Vps) -> None:
    vps.write(f"{INFRA}/compose/Dockerfile", "FROM scratch\nLABEL built=here\n")
    edit(vps, PROJECT_FILE, "    image: localhost:5000/db:1\n", "    build: .\n")
    deploy(ready, vps, GOOD[0])
    vps.run("docker rm -f -v compose-db-1")
    before = images(vps)

    ended = ready.run("deploy", SERVICE, GOOD[1].tag)

    assert ended.exit_status == 6, ended.text
    assert host.history(vps)[-1]["reason"] == "dependency-failed"
    assert vps.served() == GOOD[0].tag
    assert {image for image in images(vps) if is_built(vps, image)} == set()
    assert before <= images(vps)


def is_built(vps: Vps, image: str) -> bool:
    return (
        "built" in vps.run(f"docker image inspect -f '{{{{json .Config.Labels}}}}' {image}").stdout
    )


def make_unhealthy_database(vps: Vps) -> None:
    """Make the database's own health check fail while it goes on running."""
    vps.run("docker exec compose-db-1 /bin/busybox mv /data/starts /data/gone")
    await_health(vps, "unhealthy", "compose-db-1")

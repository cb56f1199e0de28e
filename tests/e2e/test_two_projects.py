"""Two Compose projects on one host that have a service of the same name and repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.e2e.steps import deploy
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps

STAGING = "/opt/staging"


@pytest.fixture
def production(client: Client, vps: Vps) -> Client:
    """A client of the project that is always there."""
    client.write_inventory({"vps": vps}, service="keep = 1\n")
    return client


@pytest.fixture
def staging(tmp_path: Path, vps: Vps) -> Iterator[Client]:
    """A client of another project with the same compose files, but for the port."""
    directory = tmp_path / "staging"
    directory.mkdir()
    client = Client(directory)
    client.write_inventory({"vps": vps}, service="keep = 1\n", directory=STAGING)
    vps.run(
        f"cp -a /opt/infra {STAGING}; cd {STAGING}/compose\n"
        "sed -i s/8080:8080/8081:8080/ enforcer/docker-compose.yml\n"
        "install -o deploy /dev/null .env; echo COMPOSE_PROJECT_NAME=staging >.env"
    )
    yield client
    vps.run("docker rm -fv $(docker ps -aq --filter label=com.docker.compose.project=staging)")
    vps.run(f"docker volume rm staging_db-data; rm -rf {STAGING}")


def test_pruning_in_one_project_leaves_the_way_back_of_another(
    production: Client, staging: Client, vps: Vps
) -> None:
    for release in GOOD[:2]:
        deployed = staging.run("deploy", SERVICE, release.tag)
        assert deployed.exit_status == 0, deployed.text

    for release in GOOD[:4]:
        deploy(production, vps, release)
        settle(vps)
    vps.registry_stop()

    back = staging.run("rollback", SERVICE)
    assert back.exit_status == 0, back.text
    assert vps.run("curl -fsS http://127.0.0.1:8081/").stdout.strip() == GOOD[0].tag

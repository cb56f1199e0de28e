"""A dry run says exactly what would run, and changes nothing at all."""

from __future__ import annotations

import pytest

from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.e2e.steps import KEPT, Standing, deploy, snapshot
from tests.thorough import thorough
from tests.vps.catalogue import GOOD, Release
from tests.vps.world import Vps

COMPOSE = "docker compose -f compose/docker-compose.yml -f compose/enforcer/docker-compose.yml"
CD = "cd /opt/infra"


def pull(release: Release) -> str:
    return f"docker pull {release.image}"


def up(release: Release) -> str:
    options = "up -d --no-deps --no-build --pull never"
    return f"IMAGE_TAG={release.tag} {COMPOSE} {options} {SERVICE}"


def dry_run(client: Client, vps: Vps, *arguments: str) -> list[str]:
    """The commands that a dry run says, to people and to programs alike."""
    before = snapshot(vps)
    ended = client.run(*arguments, "--dry-run", "--json")
    assert ended.exit_status == 0, ended.text
    (on_host,) = ended.json["hosts"]
    assert on_host["outcome"] == "planned"
    commands: list[str] = on_host["commands"]
    plain = client.run(*arguments, "--dry-run")
    assert plain.exit_status == 0, plain.text
    assert [f"  $ {command}" for command in commands] == [
        line for line in plain.stdout.splitlines() if line.startswith("  $ ")
    ]
    assert "nothing was changed" in plain.stdout
    assert snapshot(vps) == before
    return commands


def test_a_dry_run_on_a_fresh_host_makes_not_even_a_directory(ready: Client, vps: Vps) -> None:
    commands = dry_run(ready, vps, "deploy", SERVICE, GOOD[0].tag)

    assert commands == [CD, pull(GOOD[0]), up(GOOD[0])]
    assert vps.run("ls -A /opt/infra").stdout.split() == ["compose"]


def test_a_dry_run_names_the_dependency_that_would_be_started(ready: Client, vps: Vps) -> None:
    vps.run("docker rm -f -v compose-db-1")

    commands = dry_run(ready, vps, "deploy", SERVICE, GOOD[0].tag)

    start = f"IMAGE_TAG={GOOD[0].tag} {COMPOSE} up -d --no-recreate --no-build db"
    assert commands == [CD, pull(GOOD[0]), start, up(GOOD[0])]


def test_what_a_dry_run_of_a_rollback_says_is_what_a_rollback_does(
    deployed: Client, vps: Vps
) -> None:
    deploy(deployed, vps, GOOD[1])
    settle(vps)

    assert dry_run(deployed, vps, "rollback", SERVICE) == [CD, up(GOOD[0])]
    assert dry_run(deployed, vps, "rollback", SERVICE, GOOD[0].tag) == [CD, up(GOOD[0])]

    vps.run(f"docker image rm {GOOD[0].image} {KEPT}:{GOOD[0].tag}")

    commands = dry_run(deployed, vps, "rollback", SERVICE)

    assert commands == [CD, pull(GOOD[0]), up(GOOD[0])]
    # Typed in as they are, they do what was said.
    vps.run("set -e\n" + "\n".join(commands), user="deploy")
    assert vps.served() == GOOD[0].tag or "starting" in vps.run("docker ps").stdout


@pytest.mark.parametrize(
    ("arguments", "exit_status"),
    [
        thorough(("deploy", SERVICE, GOOD[2].tag), 0),
        (("deploy", SERVICE, GOOD[3].tag, "--expect-current", GOOD[1].tag), 3),
        thorough(("rollback", SERVICE, GOOD[3].tag), 3),
    ],
    ids=["runs already", "not current", "never succeeded"],
)
def test_a_dry_run_ends_as_the_command_itself_would(
    standing: Standing, arguments: tuple[str, ...], exit_status: int
) -> None:
    before = snapshot(standing.vps)

    ended = standing.client.run(*arguments, "--dry-run")

    assert ended.exit_status == exit_status, ended.text
    assert snapshot(standing.vps) == before

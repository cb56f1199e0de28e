"""Steps that many tests take, with what must hold after each, and a VPS in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended
from tests.vps.catalogue import Release
from tests.vps.world import INFRA, Vps

CONTAINER = f"compose-{SERVICE}-1"
BACKEND_FILE = f"{INFRA}/compose/enforcer/docker-compose.yml"
KEPT = f"deployctl/compose/{SERVICE}"
"""The repository name under which images are protected from `docker image prune`."""
WORKFLOW = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_ACTOR": "kim",
    "GITHUB_REPOSITORY": "example/enforcer",
    "GITHUB_RUN_ID": "11972345678",
}
"""What a step of a GitHub workflow has in its environment."""

_RUNNING = f"""
cd {INFRA}
find . -printf '%P %y %m %u %s %T@\\n' | sort
find . -type f | sort | xargs sha256sum
docker ps -a --no-trunc --format '{{{{.ID}}}} {{{{.Image}}}} {{{{.Names}}}} {{{{.State}}}}' | sort
docker volume ls -q
docker network ls -q --no-trunc
"""
_IMAGES = "docker images -a --no-trunc --digests --format json | sort"


@dataclass(frozen=True)
class Standing:
    """A host with a past, shared by tests that do not add to it."""

    client: Client
    vps: Vps


def deploy(client: Client, vps: Vps, release: Release, *options: str) -> Ended:
    """Deploy a release that has to succeed, and see it serve; the database is left alone.

    Returns when the run has tidied up, too: it keeps and removes images after its outcome.
    """
    return _succeed(client, vps, release, "deploy", SERVICE, release.tag, *options)


def rollback(client: Client, vps: Vps, to: Release, *arguments: str) -> Ended:
    """Roll back, which has to bring a release back; the database is left alone."""
    return _succeed(client, vps, to, "rollback", SERVICE, *arguments)


def refuse(client: Client, vps: Vps, exit_status: int, *arguments: str) -> Ended:
    """Run a command that has to be refused, and see that it changed nothing but images."""
    before = running(vps)
    ended = client.run(*arguments)
    assert ended.exit_status == exit_status, ended.text
    assert running(vps) == before
    return ended


def running(vps: Vps) -> str:
    """What a refused deploy must not change: files, containers, volumes and networks."""
    host.await_tidied(vps)
    return vps.run(_RUNNING).stdout


def snapshot(vps: Vps) -> str:
    """All that deployctl could change: the same, and images."""
    host.await_tidied(vps)
    return vps.run(_RUNNING + _IMAGES).stdout


def told(vps: Vps) -> list[str]:
    """The history in short: `succeeded deploy sha-…` for each line."""
    return [f"{line['event']} {line['action']} {line['tag']}" for line in host.history(vps)]


def leave_over(vps: Vps, service: str, image: str) -> str:
    """Leave what a recreate makes that is cut off; return the id of the container that serves."""
    (serving,) = container_ids(vps, service)
    labels = {"project": "compose", "service": service, "oneoff": "False", "replace": serving}
    words = " ".join(f"--label com.docker.compose.{name}={labels[name]}" for name in labels)
    vps.run(f"docker create --name {serving[:12]}_compose-{service}-1 {words} {image}")
    return serving


def container_ids(vps: Vps, service: str = SERVICE) -> list[str]:
    """The ids of a service's containers."""
    return sorted(container["Id"] for container in host.containers(vps, service))


def image_id(vps: Vps, name: str) -> str:
    """What a name stands for on the host; empty: nothing."""
    return vps.run(f"docker image inspect -f '{{{{.Id}}}}' {name}", check=False).stdout.strip()


def status(client: Client, *options: str) -> Any:
    """The only row of a status, as JSON has it."""
    (row,) = client.run("status", "--json", *options).json["services"]
    return row


def edit(vps: Vps, path: str, old: str, new: str) -> None:
    """Change a file on the host, which has to contain the old text."""
    text = vps.read(path)
    assert old in text
    vps.write(path, text.replace(old, new))


def make_unhealthy(vps: Vps, container: str = CONTAINER) -> None:
    """Make a container's health check fail, and wait until docker says so."""
    vps.run(f"docker exec {container} /bin/busybox rm /srv/health")
    await_health(vps, "unhealthy", container)


def await_health(vps: Vps, health: str, container: str = CONTAINER) -> None:
    """Wait until docker calls a container healthy or unhealthy."""
    inspect = f"docker inspect -f '{{{{.State.Health.Status}}}}' {container}"
    host.await_(vps, f'[ "$({inspect})" = {health} ]')


def _succeed(client: Client, vps: Vps, release: Release, *arguments: str) -> Ended:
    ended = client.run(*arguments)
    assert ended.exit_status == 0, ended.text
    assert vps.served() == release.tag
    assert vps.db_counter() == 1
    host.await_tidied(vps)
    return ended

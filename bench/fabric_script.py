"""Deploys with Fabric, one `run` for each step, as such scripts are written.

usage: fabric_script.py KEY_FILE deploy|rollback|status TAG USER@HOST:PORT…
"""

import sys
import time

from fabric import Connection, ThreadingGroup

COMPOSE = "docker compose -f compose/docker-compose.yml -f compose/enforcer/docker-compose.yml"
SERVICE = "enforcer-backend"
CONTAINER = "compose-enforcer-backend-1"
LOG = "/opt/infra/deploys.log"
INSPECT = (
    "docker inspect -f '{{.Config.Image}} {{.Image}} {{.State.Health.Status}}"
    f" {{{{.State.StartedAt}}}}' {CONTAINER}"
)


def change(c: Connection, tag: str, *, pull: bool) -> None:
    """Make the host run a tag."""
    with c.cd("/opt/infra"), c.prefix(f"export IMAGE_TAG={tag}"):
        if pull:
            c.run(f"{COMPOSE} pull -q {SERVICE}", in_stream=False)
        c.run(f"{COMPOSE} up -d {SERVICE}", in_stream=False)
    while health(c) != "healthy":
        time.sleep(0.1)
    c.run(f'echo "$(date -Is) $USER {tag}" >>{LOG}', in_stream=False)


def health(c: Connection) -> str:
    """Return what docker says about the container."""
    command = f"docker inspect -f '{{{{.State.Health.Status}}}}' {CONTAINER}"
    return str(c.run(command, hide=True, in_stream=False).stdout).strip()


def status(hosts: ThreadingGroup) -> None:
    """Say what runs and what was deployed last, on all hosts."""
    for command in (f"docker ps --filter name={SERVICE}", INSPECT, f"tail -n 5 {LOG}"):
        for c, result in hosts.run(command, hide=True, in_stream=False).items():
            print(f"{c.host}:{c.port}", result.stdout, sep="\n", end="")


def main() -> None:
    """Ask all hosts at once, or change one after the other."""
    key, action, tag, *hosts = sys.argv[1:]
    with ThreadingGroup(*hosts, connect_kwargs={"key_filename": key}) as group:
        if action == "status":
            status(group)
        else:
            for c in group:
                change(c, tag, pull=action == "deploy")


if __name__ == "__main__":
    main()

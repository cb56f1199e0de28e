"""Deploys with Fabric, one `run` for each step, as such scripts are written.

usage: fabric_script.py KEY_FILE deploy|rollback|status TAG USER@HOST:PORT…
"""

import sys
import time

from fabric import Connection

COMPOSE = "docker compose -f compose/docker-compose.yml -f compose/enforcer/docker-compose.yml"
SERVICE = "enforcer-backend"
CONTAINER = "compose-enforcer-backend-1"
LOG = "/opt/infra/deploys.log"


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


def status(c: Connection) -> None:
    """Say what runs and what was deployed last."""
    c.run(f"docker ps --filter name={SERVICE}", in_stream=False)
    c.run(
        "docker inspect -f '{{.Config.Image}} {{.Image}} {{.State.Health.Status}}"
        f" {{{{.State.StartedAt}}}}' {CONTAINER}",
        in_stream=False,
    )
    c.run(f"tail -n 5 {LOG}", in_stream=False)


def main() -> None:
    """Do it on one host after the other."""
    key, action, tag, *hosts = sys.argv[1:]
    for host in hosts:
        with Connection(host, connect_kwargs={"key_filename": key}) as c:
            if action == "status":
                status(c)
            else:
                change(c, tag, pull=action == "deploy")


if __name__ == "__main__":
    main()

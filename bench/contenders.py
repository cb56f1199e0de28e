"""Who is measured: each is a command line for each thing to do, run as a process of its own.

What a contender has to do is the same for all: bring the image of a tag to the host, make the
service run it, wait until it is healthy, and add a line to a history; or say what runs, how
healthy it is and what was deployed last.
"""

from __future__ import annotations

import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from bench.workstation import USER, Place, Workstation
from tests.vps.catalogue import BACKEND
from tests.vps.world import COMPOSE_FILES, INFRA

HAND_LOG = f"{INFRA}/deploys.log"
"""The history of those who have none of their own."""
CONTAINER = f"compose-{BACKEND}-1"


class Contender(ABC):
    """Someone who deploys, rolls back and asks for the status.

    Args:
        workstation: that it works at.
        place: of the one host.
    """

    name: str

    def __init__(self, workstation: Workstation, place: Place) -> None:
        self._workstation = workstation
        self._place = place
        workstation.inventory([place])

    @abstractmethod
    def deploy(self, tag: str) -> list[str]:
        """Return the command that makes the host run a tag from the registry."""

    @abstractmethod
    def rollback(self, tag: str) -> list[str]:
        """Return the command that goes back to a tag, which is the one before."""

    @abstractmethod
    def status(self, places: Sequence[Place]) -> list[str]:
        """Return the command that says how the service is, at one place or at many."""


class Deployctl(Contender):
    """deployctl as its users run it: the installed command, its start included."""

    name = "deployctl"

    def deploy(self, tag: str) -> list[str]:
        """As for all."""
        return self._call([self._place], "deploy", BACKEND, tag)

    def rollback(self, tag: str) -> list[str]:  # noqa: ARG002 - it finds out by itself
        """As for all."""
        return self._call([self._place], "rollback", BACKEND)

    def status(self, places: Sequence[Place]) -> list[str]:
        """As for all."""
        return self._call(places, "status", BACKEND)

    def _call(self, places: Sequence[Place], command: str, *arguments: str) -> list[str]:
        installed = Path(sys.executable).with_name("deployctl")
        inventory = self._workstation.inventory(places)
        return [str(installed), command, *arguments, "--inventory", str(inventory)]


class HandTyped(Contender):
    """One `ssh USER@HOST '…'`, as someone types it who has done it for years.

    Everything in one session, with the `up -d SERVICE` of the deployment's own runbook. The
    container's name instead of `docker compose ps -q`. "Healthy?" is asked every 0.1 s. A known
    host key, a key file, no agent, no ControlMaster, and the key exchange that the installed
    OpenSSH prefers. Several hosts are asked all at once, with `xargs -P`.

    Args:
        workstation: as for all.
        place: as for all.
        ssh_options: more of them, as after -o.
    """

    name = "hand-typed ssh"

    def __init__(
        self, workstation: Workstation, place: Place, ssh_options: Sequence[str] = ()
    ) -> None:
        super().__init__(workstation, place)
        self._options = ssh_options

    def deploy(self, tag: str) -> list[str]:
        """As for all."""
        return self._session(self._change(tag, f"{_COMPOSE} pull -q {BACKEND}"))

    def rollback(self, tag: str) -> list[str]:
        """As for all."""
        return self._session(self._change(tag))

    def status(self, places: Sequence[Place]) -> list[str]:
        """As for all."""
        if len(places) == 1:
            return self._ssh(places[0].address, str(places[0].port), _STATUS)
        self._workstation.inventory(places)
        (address,) = {place.address for place in places}  # they differ by their ports only
        each = shlex.join(self._ssh(address, "PORT", _STATUS))
        ports = " ".join(str(place.port) for place in places)
        return ["sh", "-c", f"printf '%s\\n' {ports} | xargs -P {len(places)} -I PORT {each}"]

    def _change(self, tag: str, *before: str) -> str:
        lines = [
            "set -e",
            f"cd {INFRA}",
            f"export IMAGE_TAG={tag}",
            *before,
            f"{_COMPOSE} up -d {BACKEND}",
            f'until [ "$({_HEALTH})" = healthy ]; do sleep 0.1; done',
            f'echo "$(date -Is) $USER $IMAGE_TAG" >>{HAND_LOG}',
        ]
        return "\n".join(lines)

    def _session(self, script: str) -> list[str]:
        return self._ssh(self._place.address, str(self._place.port), script)

    def _ssh(self, address: str, port: str, script: str) -> list[str]:
        return [
            *("ssh", "-F", "none", "-i", str(self._workstation.identity_file)),
            *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={self._workstation.known_hosts}"),
            *("-o", "StrictHostKeyChecking=yes"),
            *(word for option in self._options for word in ("-o", option)),
            *("-p", port, f"{USER}@{address}", script),
        ]


class FabricScript(Contender):
    """fabric_script.py: a script with Fabric as people write it."""

    name = "Fabric script"

    def deploy(self, tag: str) -> list[str]:
        """As for all."""
        return self._call([self._place], "deploy", tag)

    def rollback(self, tag: str) -> list[str]:
        """As for all."""
        return self._call([self._place], "rollback", tag)

    def status(self, places: Sequence[Place]) -> list[str]:
        """As for all."""
        return self._call(places, "status", "-")

    def _call(self, places: Sequence[Place], action: str, tag: str) -> list[str]:
        script = Path(__file__).with_name("fabric_script.py")
        hosts = [f"{USER}@{place.address}:{place.port}" for place in places]
        key = str(self._workstation.identity_file)
        return [sys.executable, str(script), key, action, tag, *hosts]


_COMPOSE = " ".join(("docker compose", *(f"-f {file}" for file in COMPOSE_FILES)))
_HEALTH = f"docker inspect -f '{{{{.State.Health.Status}}}}' {CONTAINER}"
_STATUS = f"""\
docker ps --filter name={BACKEND}
docker inspect -f '{{{{.Config.Image}}}} {{{{.Image}}}} {{{{.State.Health.Status}}}} \
{{{{.State.StartedAt}}}}' {CONTAINER}
tail -n 5 {HAND_LOG}"""

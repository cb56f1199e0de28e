"""Stops a run on a VPS at one of its commands, so that a fault can strike right there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Running
from tests.vps.world import Vps

COMMANDS: Final = ("chmod", "cp", "docker", "dd", "mkdir", "mv", "rm", "sed", "setsid", "touch")
"""All with which the host scripts change something."""

_SCRIPT: Final = Path(__file__).with_name("gate.sh").read_text()


class Gate:
    """Stands in the way of the commands of a VPS, until the VPS is reset."""

    def __init__(self, vps: Vps) -> None:
        self._vps = vps

    def install(self) -> None:
        """Let every call be written down from now on."""
        links = " ".join(f"/usr/local/bin/{name}" for name in COMMANDS)
        self._vps.run(
            "rm -rf /tmp/gate; mkdir -m 777 /tmp/gate; cd /tmp/gate\n"
            "touch calls turn; chmod 666 calls turn; cd /usr/local/bin\n"
            f"cat >gate; chmod 755 gate; for link in {links}; do ln -sf gate $link; done",
            stdin=_SCRIPT,
        )

    def close(self, phase: str, pattern: str, *, nth: int = 1) -> None:
        """Stop a call.

        Args:
            phase: "before" or "after" its work.
            pattern: of the shell, for the command's name and arguments.
            nth: which of the calls that match, from 1.
        """
        self._vps.run(
            f"printf %s '{'x' * (nth - 1)}' >/tmp/gate/passed; chmod 666 /tmp/gate/passed"
        )
        self._vps.write(f"/tmp/gate/{phase}", f"{pattern}\n", owner="root")

    def await_reached(self) -> None:
        """Wait until a call has stopped."""
        host.await_(self._vps, "[ -e /tmp/gate/pid ]", seconds=40)

    def open(self) -> None:
        """Let it go on, and all that follow."""
        self._vps.run("touch /tmp/gate/open 2>/dev/null || true")

    def open_with_docker_away(self) -> None:
        """Let it go on while docker is away, which is back once the run has noticed."""
        self._vps.dockerd_stop()
        self.open()
        host.await_(self._vps, f"grep -qs docker-away {host.STATE}/runs/*/events")
        self._vps.dockerd_start()

    def kill(self) -> None:
        """Kill the command that stopped, with what it has started."""
        self._vps.run("pid=$(cat /tmp/gate/pid); pkill -KILL -P $pid; kill -KILL $pid")

    def calls(self) -> list[str]:
        """All calls so far, without those that were cut off in their first line."""
        return self._vps.read("/tmp/gate/calls").splitlines()


@contextmanager
def held_back(vps: Vps, client: Client, tag: str) -> Iterator[tuple[Running, Gate]]:
    """A deploy that stays where it is, before it recreates the service, until its gate opens."""
    gate = Gate(vps)
    gate.install()
    gate.close("before", "docker compose *up -d*")
    with client.start("deploy", SERVICE, tag) as running:
        gate.await_reached()
        yield running, gate

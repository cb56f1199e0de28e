"""What is made ready before a measurement, and looked at after it; none of it is timed."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from bench.contenders import CONTAINER, HAND_LOG, Deployctl
from bench.workstation import USER, Workstation
from tests.vps.catalogue import BACKEND
from tests.vps.world import COMPOSE_FILES, INFRA, REGISTRY, Vps

_DEPENDENCY = """\
    depends_on:
      db:
        condition: service_healthy
"""

_IDLE_ENOUGH = 0.8  # of all processors, over one look
_LOOK = 0.25  # seconds
_PATIENCE = 3.0  # seconds; somebody else's work may never end


class WrongStateError(RuntimeError):
    """A contender did not do what it was measured for."""


class Stage:
    """Puts the VPS into the state that a measurement begins with.

    Args:
        vps: the one that all contenders use.
        workstation: where deployctl runs for the preparation.
        deployctl: prepares for everybody, so that all begin with the same containers.
        dependency: whether the service has one, as in the VPS's own Compose files: a database
            that `up -d SERVICE` waits for.
    """

    def __init__(
        self,
        vps: Vps,
        workstation: Workstation,
        deployctl: Deployctl,
        *,
        dependency: bool = True,
    ) -> None:
        self._vps = vps
        self._workstation = workstation
        self._deployctl = deployctl
        self._dependency = dependency
        self.settled = 0
        """How many measurements were waited for."""
        self.disturbed = 0
        """Before how many of them something else was still at work when patience ended."""

    def releases(self, *tags: str) -> None:
        """Nothing but these was ever deployed, in this order: the last one runs, healthy."""
        self._vps.reset()
        if not self._dependency:
            self._remove_dependency()
        for tag in tags:
            self.run(self._deployctl.deploy(tag))
        lines = "".join(f"2026-01-01T00:00:00+00:00 {USER} {tag}\n" for tag in tags)
        self._vps.write(HAND_LOG, lines)

    def _remove_dependency(self) -> None:
        """The reset undoes it."""
        path = f"{INFRA}/{COMPOSE_FILES[-1]}"
        before = self._vps.read(path)
        after = before.replace(_DEPENDENCY, "")
        if after == before:
            raise WrongStateError(f"no dependency found in {path}")
        self._vps.write(path, after)

    def run(self, command: Sequence[str]) -> None:
        """Run a contender's command, not for its time."""
        self._workstation.time(command)

    def fetch(self, tag: str) -> None:
        """Bring a tag's image to the host."""
        self._vps.run(f"docker pull -q {REGISTRY}/{BACKEND}:{tag}", user=USER)

    def settle(self) -> None:
        """Wait until the last command has left nothing behind that still works."""
        self.settled += 1
        give_up = time.monotonic() + _PATIENCE
        while self._busy():
            if time.monotonic() > give_up:
                self.disturbed += 1
                break

    def container(self) -> str:
        """Return the id of the service's container."""
        return self._vps.run(f"docker inspect -f '{{{{.Id}}}}' {CONTAINER}").stdout

    def require(self, tag: str) -> None:
        """Raise WrongStateError unless the tag is served, by a healthy container."""
        format_ = "{{.State.Health.Status}}"
        health = self._vps.run(f"docker inspect -f '{format_}' {CONTAINER}").stdout.strip()
        served = self._vps.served()
        if (health, served) != ("healthy", tag):
            raise WrongStateError(f"{served} is served, {health}; expected {tag}, healthy")

    def require_answer(self, answer: str, tag: str, hosts: int) -> None:
        """Raise WrongStateError unless it says once for each host that the tag runs, healthy."""
        said = healthy_hosts(answer, tag)
        if said != hosts:
            raise WrongStateError(f"{said} of {hosts} hosts run {tag}, by this answer:\n{answer}")

    def _busy(self) -> bool:
        idle = _idle_share()
        return idle < _IDLE_ENOUGH or self._vps.run(f"pgrep -u {USER}", check=False).stdout != ""


def healthy_hosts(answer: str, tag: str) -> int:
    """Return how many lines of anybody's status say that the tag runs, healthy.

    That is one line for each host: "docker ps", which is asked as well, has "(healthy)".
    """
    return len(re.findall(rf"^.*\b{tag}\s(?:.*\s)?healthy\s", answer, re.MULTILINE))


def _idle_share() -> float:
    """Return how much of this machine's time was not used, over one look."""
    before = _processor_times()
    time.sleep(_LOOK)
    passed = [now - then for now, then in zip(_processor_times(), before, strict=True)]
    return passed[0] / sum(passed) if sum(passed) else 1.0


def _processor_times() -> tuple[int, int]:
    """Return idle and busy ticks; zeros on a system that does not tell."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except OSError:
        return 0, 0
    times = [int(field) for field in fields]
    idle = times[3] + times[4]
    return idle, sum(times) - idle

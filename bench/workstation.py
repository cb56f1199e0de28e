"""The machine that the contenders run on: what they need in files, and how they are timed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.client import Client
from tests.vps.world import Vps

USER = "deploy"
_LIMIT = 120.0  # seconds for one measured command


@dataclass(frozen=True)
class Place:
    """Where a sshd of the VPS is reached."""

    address: str
    port: int


class CommandFailedError(RuntimeError):
    """A measured command failed, so that its time means nothing."""


class Workstation:
    """A directory with inventories and a known_hosts file.

    Args:
        directory: an empty one.
        vps: that all places belong to.
    """

    def __init__(self, directory: Path, vps: Vps) -> None:
        self.vps = vps
        self.identity_file = vps.identity_file
        self._directory = directory
        self._inventories: dict[tuple[Place, ...], Path] = {}

    @property
    def known_hosts(self) -> Path:
        """Has the key of every place that an inventory was asked for."""
        return self._directory / "known_hosts"

    def inventory(self, places: Sequence[Place]) -> Path:
        """Return an inventory of the service on a host for each place."""
        wanted = tuple(places)
        if wanted not in self._inventories:
            self._inventories[wanted] = self._write(wanted)
        return self._inventories[wanted]

    def _write(self, places: Sequence[Place]) -> Path:
        directory = self._directory / f"inventory-{len(self._inventories) + 1}"
        directory.mkdir()
        client = Client(directory)
        by_name = {f"vps-{number:02}": place for number, place in enumerate(places, start=1)}
        client.write_inventory(
            dict.fromkeys(by_name, self.vps),
            addresses={name: (place.address, place.port) for name, place in by_name.items()},
            user=USER,
        )
        with self.known_hosts.open("a") as known_hosts:
            for place in places:
                known_hosts.write(
                    f"[{place.address}]:{place.port} {self.vps.host_public_key()}\n"
                    if place.port != 22
                    else f"{place.address} {self.vps.host_public_key()}\n"
                )
        return client.inventory

    def time(self, argv: Sequence[str]) -> tuple[float, str]:
        """Run a command, away from any terminal; return the seconds it took, and its answer.

        Raises:
            CommandFailedError: its exit status is not 0.
        """
        began = time.perf_counter()
        done = subprocess.run(
            argv,
            cwd=self._directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT,
            check=False,
        )
        took = time.perf_counter() - began
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise CommandFailedError(f"exit status {done.returncode} of: {argv}\n{said}")
        return took, done.stdout.decode(errors="replace")

    def _environment(self) -> Mapping[str, str]:
        """Nothing of the developer's own configuration, for anyone."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {**kept, "HOME": str(self._directory), "USER": "bench"}

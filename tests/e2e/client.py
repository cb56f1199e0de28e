"""deployctl as its users run it: a process with an inventory, a terminal's or a workflow's
environment, and an exit status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.vps.world import Vps

SERVICE = "enforcer-backend"
COMPOSE_FILES = ("compose/docker-compose.yml", "compose/enforcer/docker-compose.yml")


@dataclass(frozen=True)
class Ended:
    """How one call of deployctl ended."""

    exit_status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.stdout)

    @property
    def text(self) -> str:
        """Everything that was said, for messages and for looking for a word."""
        return f"{self.stdout}\n{self.stderr}"


@dataclass
class Client:
    """A person's or a workflow's machine: a directory with an inventory in it."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.toml"

    def write_inventory(
        self,
        hosts: Mapping[str, Vps],
        *,
        addresses: Mapping[str, tuple[str, int]] | None = None,
        user: str = "deploy",
        host: str = "",
        service: str = "",
        gates: str = "",
        compose_files: Sequence[str] = COMPOSE_FILES,
        directory: str = "/opt/infra",
    ) -> None:
        """Write an inventory for these hosts.

        Args:
            hosts: by the name they get in the inventory, in the order of the rollout.
            addresses: (address, port) to reach a host under instead (a proxy, say).
            user: login.
            host: further TOML lines for each host.
            service: further TOML lines for the service.
            gates: TOML lines of the [gates] table.
            compose_files: of the service.
            directory: of the service.
        """
        tables = []
        for name, vps in hosts.items():
            address, port = (addresses or {}).get(name, (vps.host, vps.port))
            tables.append(
                f"[hosts.{name}]\n"
                f'address = "{address}"\n'
                f"port = {port}\n"
                f'user = "{user}"\n'
                f"identity_file = {json.dumps(str(vps.identity_file))}\n"
                f'host_key = "{vps.fingerprint()}"\n{host}'
            )
        tables.append(
            f"[services.{SERVICE}]\n"
            'model = "compose"\n'
            f"hosts = {json.dumps(list(hosts))}\n"
            f"directory = {json.dumps(directory)}\n"
            f"compose_files = {json.dumps(list(compose_files))}\n"
            + ("" if "health_timeout" in service else 'health_timeout = "20s"\n')
            + service
        )
        if gates:
            tables.append(f"[gates]\n{gates}")
        self.inventory.write_text("\n".join(tables))

    def run(self, *arguments: str, timeout: float = 120, **environment: str) -> Ended:
        """Run deployctl to its end."""
        done = subprocess.run(
            self._argv(arguments),
            cwd=self.directory,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Ended(
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    def start(self, *arguments: str, **environment: str) -> Running:
        """Start deployctl and leave it running."""
        return Running(
            subprocess.Popen(
                self._argv(arguments),
                cwd=self.directory,
                env=self._environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )

    def _argv(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "deployctl", *arguments]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Little of the developer's own environment, so that a test means the same anywhere."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        coverage = {n: v for n, v in os.environ.items() if n.startswith("COVERAGE")}
        return {
            **kept,
            **coverage,
            "HOME": str(self.directory),
            "USER": "tester",
            "DEPLOYCTL_INVENTORY": str(self.inventory),
            **self.environment,
            **more,
        }


class Running:
    """A deployctl that was started and not waited for."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """A test that failed half way leaves no process behind."""
        with self.process as process:
            process.kill()

    def kill(self) -> None:
        """The client is gone from one instant to the next (SIGKILL)."""
        self.process.kill()
        self.wait()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM, as a runner sends it."""
        self.process.terminate()

    def wait(self, timeout: float = 120) -> Ended:
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=timeout)
        return Ended(
            self.process.returncode,
            stdout.decode(errors="replace"),
            stderr.decode(errors="replace"),
        )

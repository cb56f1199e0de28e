"""How many commands a host is asked to run, as its own sshd counts them."""

from __future__ import annotations

import secrets
import time

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.vps import engine
from tests.vps.catalogue import GOOD, NO_SUCH_TAG
from tests.vps.world import Vps

_CONFIGURATION = "/etc/ssh/sshd_config.d/00-verbose.conf"


class Log:
    """What sshd of a VPS has logged since this was made, or last asked."""

    def __init__(self, vps: Vps) -> None:
        self._vps = vps
        self._seen = len(self._lines())

    def news(self) -> tuple[int, int]:
        """Logins and commands since the last time."""
        # The last session's end is logged when its processes have gone.
        host.await_quiet(self._vps)
        lines = self._lines()
        new, self._seen = lines[self._seen :], len(lines)
        logins = sum(line.startswith("Accepted publickey for deploy") for line in new)
        commands = sum(line.startswith("Starting session: command for deploy") for line in new)
        sessions = sum(line.startswith("Starting session:") for line in new)
        assert sessions == commands
        return logins, commands

    def _lines(self) -> list[str]:
        """All lines so far: the engine of the VPS takes a moment to keep them."""
        marker = secrets.token_hex()
        self._vps.run(f"echo {marker} >/proc/1/fd/1")
        lines: list[str] = []
        give_up = time.monotonic() + 30
        while marker not in lines:
            assert time.monotonic() < give_up, lines[-5:]
            done = engine.docker("logs", self._vps.container_id)
            lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
        return lines


@pytest.fixture
def log(vps: Vps) -> Log:
    vps.write(_CONFIGURATION, "LogLevel VERBOSE\n", owner="root")
    vps.sshd_restart()
    return Log(vps)


def test_each_command_asks_as_often_as_it_must_on_one_connection(
    ready: Client, vps: Vps, log: Log
) -> None:
    def asked(*arguments: str, exit_status: int = 0) -> tuple[int, int]:
        ended = ready.run(*arguments)
        assert ended.exit_status == exit_status, ended.text
        return log.news()

    first, second = GOOD[0].tag, GOOD[1].tag
    assert asked("deploy", SERVICE, first) == (1, 3)  # probe, fetch, transact
    assert asked("deploy", SERVICE, second) == (1, 3)
    assert asked("deploy", SERVICE, second) == (1, 1)  # it runs already: probe
    assert asked("deploy", SERVICE, NO_SUCH_TAG, exit_status=3) == (1, 2)
    assert asked("deploy", SERVICE, first, "--dry-run") == (1, 1)
    assert asked("rollback", SERVICE) == (1, 2)  # probe, transact
    assert asked("rollback", SERVICE, exit_status=3) == (1, 1)  # nothing to go back to: probe
    assert asked("status", SERVICE) == (1, 1)
    assert asked("status") == (1, 1)
    assert asked("history", SERVICE) == (1, 1)
    assert asked("deploy", SERVICE, "latest", exit_status=3) == (0, 0)
    assert vps.served() == first

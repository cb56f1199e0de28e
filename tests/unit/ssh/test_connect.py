"""What a connection costs, and what it leaves alone."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deployctl.inventory import Host
from deployctl.ssh.connect import connect
from deployctl.ssh.transport import make_transport
from tests.unit.ssh.client import host_of, shell
from tests.unit.ssh.loopback import LoopbackServer
from tests.unit.ssh.test_private_keys import GOOD
from tests.vps.proxy import DelayingProxy


def _round_trips(host: Host, port: int, round_trip: float) -> tuple[float, float]:
    """Return those of connecting and a first command, and of a further command.

    round_trip: in seconds.
    """
    times = []
    with DelayingProxy("127.0.0.1", port, delay_ms=1000 * round_trip / 2) as proxy:
        started = time.monotonic()
        with connect(replace(host, port=proxy.port)) as session:
            for _ in range(3):
                session.run(shell("true"), timeout=10)
                times.append(time.monotonic() - started)
    return times[0] / round_trip, (times[2] - times[1]) / round_trip


def test_a_connection_and_a_command_take_six_round_trips_and_each_further_command_one(
    server: LoopbackServer,
) -> None:
    # A busy machine takes its time, too: on a longer line, that counts for less.
    measured = (_round_trips(host_of(server), server.port, line) for line in (0.2, 0.5, 1.5, 3.0))

    # Five: the proxy cannot delay the handshake of TCP.
    assert any(first < 5.9 and further < 1.9 for first, further in measured)


def test_many_connections_at_a_time(server: LoopbackServer) -> None:
    def ask(number: int) -> bytes:
        with connect(host_of(server)) as session:
            return session.run(shell(f"echo {number}"), timeout=20).stdout

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))

    assert answers == [f"{number}\n".encode() for number in range(12)]


def test_fabrics_own_configuration_has_no_say(
    server: LoopbackServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".fabric.yaml").write_text("user: wrong\nport: 1\nconnect_kwargs: {password: x}\n")
    (home / ".fabric.json").write_text("not even JSON")
    monkeypatch.setenv("FABRIC_USER", "wrong")

    connect(host_of(server)).close()

    assert "auth deploy ssh-ed25519" in server.log


def test_nothing_is_printed(server: LoopbackServer) -> None:
    script = f"""
from deployctl.ssh.connect import connect
from deployctl.inventory import Host
from deployctl.errors import HostError
for port in ({server.port}, 1):
    try:
        connect(Host("vps", "127.0.0.1", port=port, user="x", private_key={GOOD!r}))
    except HostError as error:
        print(error.code)
"""
    server.behaviour.greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, timeout=60, text=True
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["not-ssh", "connection-refused"]


def test_importing_the_package_imports_neither_fabric_nor_paramiko() -> None:
    script = "import sys, deployctl.ssh; print({'fabric', 'paramiko', 'invoke'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def test_the_post_quantum_key_exchange_is_offered_first() -> None:
    left, right = socket.socketpair()
    with left, right:
        transport = make_transport(left, ["ssh-ed25519"], 1)
        options = transport.get_security_options()
        assert options.kex[0] == "mlkem768x25519-sha256"
        assert options.compression == ("none",)
        assert options.key_types == ("ssh-ed25519",)

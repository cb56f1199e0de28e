"""The way to a host: programs and jump hosts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deployctl.errors import HostError
from deployctl.inventory import Jump
from deployctl.ssh.connect import connect
from tests.unit.ssh.client import ECDSA, failure, host_of, shell
from tests.unit.ssh.loopback import LoopbackServer


def test_a_proxy_command_is_a_way(server: LoopbackServer, home: Path) -> None:
    script = home / "relay.py"
    script.write_text(_RELAY)
    config = home / "config"
    config.write_text(f"Host *\n  ProxyCommand {sys.executable} {script} 127.0.0.1 %p\n")
    host = replace(host_of(server), address="not.resolved.invalid")

    with connect(host, ssh_config=config) as session:
        assert session.run(shell("echo hi"), timeout=10).stdout == b"hi\n"


_RELAY = """
import os, socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


def test_a_proxy_command_that_fails_is_named(server: LoopbackServer, home: Path) -> None:
    config = home / "config"
    config.write_text("Host *\n  ProxyCommand /nowhere/relay %h %p\n")
    with pytest.raises(HostError) as caught:
        connect(host_of(server), ssh_config=config)
    assert caught.value.code == "connection-dropped"


def test_an_unknown_jump_host_is_refused(server: LoopbackServer) -> None:
    jump = Jump("127.0.0.1", "me", server.port)
    error = failure(replace(host_of(server), proxy_jump=(jump,), address="vps.example"))

    assert error.code == "jump-failed"
    assert "jump host 127.0.0.1" in error.message
    assert "cause: host-key-unknown" in error.details
    assert f"[127.0.0.1]:{server.port} {ECDSA.get_name()}" in error.hint


def test_a_jump_host_that_does_not_forward_is_named(server: LoopbackServer, home: Path) -> None:
    known = home / ".ssh/known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {ECDSA.get_name()} {ECDSA.get_base64()}\n")
    jump = Jump("127.0.0.1", "deploy", server.port)
    error = failure(replace(host_of(server), proxy_jump=(jump,), address="vps.example"))

    assert error.code == "jump-failed"
    assert "cannot reach" in error.message
    assert "AllowTcpForwarding" in error.hint


def test_a_gateway_at_the_hosts_own_address_is_passed(server: LoopbackServer, home: Path) -> None:
    behaviour = replace(server.behaviour, forwards=True)
    with LoopbackServer(behaviour) as gateway:
        known = home / ".ssh/known_hosts"
        known.write_text(f"[127.0.0.1]:{gateway.port} {ECDSA.get_name()} {ECDSA.get_base64()}\n")
        host = replace(host_of(server), proxy_jump=(Jump("127.0.0.1", "deploy", gateway.port),))

        with connect(host) as session:
            assert session.run(shell("echo hi"), timeout=10).stdout == b"hi\n"

    assert f"forward 127.0.0.1:{server.port}" in gateway.log

"""What is said when no SSH server answers."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import pytest

from deployctl.ssh.connect import connect
from tests.unit.ssh.client import failure, host_of, shell
from tests.unit.ssh.loopback import LoopbackServer


def test_a_name_that_does_not_resolve(server: LoopbackServer) -> None:
    assert failure(replace(host_of(server), address="no.such.invalid")).code == "name-unknown"
    assert failure(replace(host_of(server), address="x" * 70 + ".org")).code == "name-unknown"


def test_a_port_where_nothing_listens(server: LoopbackServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(replace(host_of(server), port=port))

    assert error.code == "connection-refused"
    assert str(port) in error.message


def test_a_host_that_accepts_and_says_nothing(server: LoopbackServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        started = time.monotonic()
        error = failure(replace(host_of(server), port=port, connect_timeout=0.5))

    assert error.code == "connect-timeout"
    assert time.monotonic() - started < 10  # without it, 15


@pytest.mark.parametrize(
    ("greeting", "code", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-ssh", "a web server"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "not-ssh", "a TLS server"),
        (b"220 mail.example ESMTP\r\n", "not-ssh", "mail"),
        (b"\x1b]0;evil\x07 hello\r\n", "not-ssh", "hello"),
        (b"\xff" * 5000, "not-ssh", "not an SSH server"),
        (b"", "connection-dropped", "closed the connection"),
        (b"Exceeded MaxStartups\r\n", "connection-dropped", "MaxStartups"),
        (b"Not allowed at this time\r\n", "connection-dropped", "Not allowed"),
        (b"SSH-2.0-broken\r\n", "connection-closed", "closed the connection"),
        (b"SSH-2.0-broken\r\n" + bytes(range(256)) * 300, "connection-closed", "closed"),
        (b"SSH-1.5-ancient\r\n", "ssh-incompatible", "no algorithm"),
    ],
)
def test_what_answers_instead_of_ssh_is_named(
    server: LoopbackServer, greeting: bytes, code: str, said: str
) -> None:
    server.behaviour.greeting = greeting
    error = failure(host_of(server))

    assert error.code == code
    assert said in error.message
    assert error.message.isprintable()
    assert len(error.message) < 500


def test_a_host_that_drops_connections_at_random_is_asked_again(server: LoopbackServer) -> None:
    server.behaviour.dropped = 2

    with connect(host_of(server)) as session:
        assert session.run(shell("echo hi"), timeout=10).stdout == b"hi\n"

    assert server.connections == 3


def test_a_host_that_drops_every_connection_is_not_asked_for_ever(server: LoopbackServer) -> None:
    server.behaviour.dropped = 100

    assert failure(host_of(server)).code == "connection-dropped"
    assert server.connections == 3

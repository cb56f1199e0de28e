"""The delaying proxy delays, counts, stalls and cuts, and nothing else."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.vps.proxy import DelayingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets, until the client is done."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=[server], daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=[connection], daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except ConnectionResetError:
            return


def connect(proxy: DelayingProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)


def receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        data = connection.recv(size - len(received))
        if not data:
            break
        received += data
    return received


def test_each_round_trip_takes_twice_the_delay(echo: int) -> None:
    # A busy machine takes its time, too.
    measured = [_seconds_of_three_round_trips(echo) for _ in range(5)]

    assert min(measured) >= 0.12
    assert min(measured) < 0.5


def _seconds_of_three_round_trips(echo: int) -> float:
    with DelayingProxy("127.0.0.1", echo, delay_ms=20) as proxy, connect(proxy) as client:
        begin = time.monotonic()
        for _ in range(3):
            client.sendall(b"ping")
            assert receive(client, 4) == b"ping"
        seconds = time.monotonic() - begin

    assert proxy.traffic.turns == 3
    assert (proxy.traffic.bytes_up, proxy.traffic.bytes_down) == (12, 12)
    assert proxy.traffic.connections == 1
    return seconds


def test_a_delay_does_not_limit_throughput(echo: int) -> None:
    payload = bytes(range(256)) * 4096
    with DelayingProxy("127.0.0.1", echo, delay_ms=500) as proxy, connect(proxy) as client:
        begin = time.monotonic()
        threading.Thread(target=client.sendall, args=[payload], daemon=True).start()
        assert receive(client, len(payload)) == payload
        assert time.monotonic() - begin < 6


def test_the_end_of_one_direction_is_passed_on(echo: int) -> None:
    with DelayingProxy("127.0.0.1", echo, delay_ms=10) as proxy, connect(proxy) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)

        assert receive(client, 100) == b"last words"
        assert client.recv(1) == b""


def test_a_cut_resets_connections_but_new_ones_work(echo: int) -> None:
    with DelayingProxy("127.0.0.1", echo) as proxy:
        with connect(proxy) as client:
            client.sendall(b"ping")
            receive(client, 4)
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with connect(proxy) as client:
            client.sendall(b"ping")
            assert receive(client, 4) == b"ping"


def test_a_blackhole_holds_everything_back_until_it_heals(echo: int) -> None:
    with DelayingProxy("127.0.0.1", echo) as proxy, connect(proxy) as client:
        proxy.blackhole()
        client.sendall(b"ping")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(4)

        proxy.heal()

        client.settimeout(5)
        assert receive(client, 4) == b"ping"


def test_a_closed_proxy_refuses(echo: int) -> None:
    with DelayingProxy("127.0.0.1", echo) as proxy, connect(proxy) as client:
        client.sendall(b"ping")
        receive(client, 4)
        begin = time.monotonic()
        proxy.close()

        assert time.monotonic() - begin < 8
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)


def test_a_target_that_refuses_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    with DelayingProxy("127.0.0.1", port) as proxy, connect(proxy) as client:
        assert client.recv(1) == b""

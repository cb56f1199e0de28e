"""Connections that end or fall silent, against an SSH server in this process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deployctl.errors import ConnectionLostError
from deployctl.ssh import execution
from deployctl.ssh.connect import connect
from deployctl.ssh.session import Session
from tests.unit.ssh.client import host_of, shell
from tests.unit.ssh.loopback import LoopbackServer
from tests.vps.proxy import DelayingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_connection_that_drops_is_no_failed_command(
    server: LoopbackServer, session: Session
) -> None:
    with pytest.raises(ConnectionLostError) as caught:
        session.run(shell("echo x; sleep 60"), timeout=60, on_line=lambda _: server.drop())

    assert caught.value.code == "connection-lost"
    assert "not known" in caught.value.state


def test_a_dead_connection_is_noticed_at_the_next_command(
    server: LoopbackServer, session: Session
) -> None:
    server.drop()
    with pytest.raises(ConnectionLostError):
        session.run(shell("true"), timeout=10)


@pytest.fixture
def proxied(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Session, DelayingProxy]]:
    """A connection that can fall silent, which is noticed soon."""
    monkeypatch.setattr(execution, "QUIET", 0.5)
    monkeypatch.setattr(execution, "NO_ANSWER", 1.0)
    with (
        DelayingProxy("127.0.0.1", server.port) as proxy,
        connect(replace(host_of(server), port=proxy.port)) as session,
    ):
        yield session, proxy


def test_a_silent_connection_is_noticed(proxied: tuple[Session, DelayingProxy]) -> None:
    session, proxy = proxied
    with pytest.raises(ConnectionLostError):
        session.run(shell("echo x; sleep 60"), timeout=60, on_line=lambda _: proxy.blackhole())


def test_a_quiet_command_on_a_living_connection_is_waited_for(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "QUIET", 0.1)
    monkeypatch.setattr(execution, "NO_ANSWER", 3.0)
    assert session.run(shell("sleep 4; echo done"), timeout=30).stdout == b"done\n"


def test_a_silent_connection_is_noticed_when_a_command_starts(
    proxied: tuple[Session, DelayingProxy],
) -> None:
    session, proxy = proxied
    session.run(shell("true"), timeout=10)
    proxy.blackhole()
    with pytest.raises(ConnectionLostError):
        session.run(shell("true"), timeout=60)


def test_closing_twice_is_harmless(session: Session) -> None:
    session.close()
    session.close()
    with pytest.raises(ConnectionLostError):
        session.run(shell("true"), timeout=10)

"""A connection that can be made again, and what it makes of a command."""

from __future__ import annotations

from deployctl.inventory import Host
from deployctl.ssh.command import Command, Completed
from deployctl.ssh.connection import Connection
from deployctl.ssh.session import Session

HOST = Host(name="vps", address="vps")


class RecordingSession(Session):
    """Keeps the commands instead of running them."""

    def __init__(self) -> None:
        self.sent: list[Command] = []

    def close(self) -> None:
        pass

    def run(self, command: Command, **_: object) -> Completed:
        self.sent.append(command)
        return Completed(0, b"", b"")


def test_a_connection_is_made_once_and_again_after_a_drop() -> None:
    with Connection(HOST, connect=lambda _: RecordingSession()) as connection:
        first = connection.session
        assert connection.session is first
        connection.drop()
        assert connection.session is not first


def test_a_host_with_sudo_runs_each_command_whole_under_it() -> None:
    session = RecordingSession()
    host = Host(name="vps", address="vps", sudo=True)

    Connection(host, connect=lambda _: session).run(Command(("sh", "-c", "x")), timeout=1)

    assert session.sent == [Command(("sudo", "-n", "sh", "-c", "x"))]

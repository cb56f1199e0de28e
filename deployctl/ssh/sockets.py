"""TCP connections with the options that an SSH session needs."""

from __future__ import annotations

import socket
import subprocess
from typing import Any

from deployctl.ssh.background import Task

# A cut connection is noticed when what was sent stays unacknowledged for this long (ms). The
# kernel's own limit is about a quarter of an hour.
UNACKNOWLEDGED_LIMIT = 10_000


def open_tcp(hostname: str, port: int, timeout: float) -> socket.socket:
    """Return a connected socket.

    Args:
        hostname: name or IP address.
        port: TCP port.
        timeout: seconds for each of the name's addresses.

    Raises:
        OSError: no address answered; socket.gaierror: no such name.
        UnicodeError: the name cannot be one.
    """
    connected = socket.create_connection((hostname, port), timeout)
    # SSH sends small packets and waits for the answer: the worst case for Nagle's algorithm.
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_LIMIT)
    return connected


class EarlyConnection:
    """A TCP connection that is made in the background, for one later `take`.

    Args:
        address: host name and port that it goes to; None: there is none to make.
        timeout: as for `open_tcp`.
    """

    def __init__(self, address: tuple[str, int] | None, timeout: float) -> None:
        self._address = address
        self._task = Task(open_tcp, *address, timeout) if address else None

    def take(self, hostname: str, port: int) -> socket.socket | None:
        """Return the socket if it goes to this address and was not taken before.

        Raises:
            OSError, UnicodeError: as `open_tcp`.
        """
        if self._task is None or self._address != (hostname, port):
            return None
        task, self._task = self._task, None
        try:
            return task.result()
        except KeyboardInterrupt:
            task.on_result(_close)
            raise

    def close(self) -> None:
        """Close the socket, now or when it is there, unless it was taken."""
        if self._task is not None:
            self._task.on_result(_close)
            self._task = None


def _close(connected: socket.socket) -> None:
    connected.close()


class CommandSocket:
    """The standard input and output of a program, as a socket.

    Not paramiko's ProxyCommand: that one does not notice the program's end, and leaves a
    zombie behind.

    Args:
        command: one line of shell, from the user's own ssh_config.
    """

    def __init__(self, command: str) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            # What the user's own ssh_config says, run as ssh runs it.
            self._process = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """End the program; may be called twice."""
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class RecordingSocket:
    """A socket, or what paramiko takes for one, that remembers the first bytes received.

    They tell what answers there when it turns out not to be an SSH server.

    Attributes:
        first_bytes: what the first successful `recv` returned.
    """

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped
        self.first_bytes = b""

    def recv(self, size: int) -> bytes:
        """Receive as the wrapped socket does."""
        received: bytes = self._wrapped.recv(size)
        self.first_bytes = received
        self.recv = self._wrapped.recv  # type: ignore[method-assign]  # no detour from now on
        return received

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

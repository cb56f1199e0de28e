"""Runs scripts inside a container, over one connection that stays.

An sshd of its own speaks over the pipes of one `docker exec`: what tests do to the machine's sshd,
its network or its users is not in the way. `docker exec` for each script would take ten times the
CPU, and tests run thousands.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import paramiko

from tests.vps.engine import WorldError

_SSHD: Final = (
    *("/usr/sbin/sshd", "-i", "-f", "/dev/null", "-o", "LogLevel=QUIET"),
    *("-o", "HostKey=/etc/ssh/ssh_host_ed25519_key"),
    *("-o", "AuthorizedKeysFile=/etc/vps/authorized_keys"),
    *("-o", "MaxSessions=100"),
)
_WINDOW: Final = 2**30  # bytes: all of stderr finds room while stdout is read
_PATIENCE: Final = 60  # seconds, on a busy machine


class Inside:
    """The way into one container, as root. Connects when it is needed.

    Args:
        container: id of the container, which has booted.
        identity_file: the key that it lets in.
    """

    def __init__(self, container: Callable[[], str], identity_file: Path) -> None:
        self._container = container
        self._identity_file = identity_file
        self._connecting = threading.Lock()
        self._transport: paramiko.Transport | None = None

    def run(
        self, script: str, *, user: str, stdin: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a shell script; the exit status is -1 where it did not end by itself.

        Raises:
            subprocess.TimeoutExpired: it goes on running after so many seconds.
            WorldError: the container is off.
        """
        try:
            return self._run(
                f"cd / && exec {_as_user(user)} sh -c {shlex.quote(script)}", stdin, timeout
            )
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise WorldError(f"no way into the container for: {script}") from error

    def _run(
        self, command: str, stdin: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        deadline = time.monotonic() + timeout
        with contextlib.closing(self._connected().open_session(window_size=_WINDOW)) as channel:
            channel.exec_command(command)
            with contextlib.suppress(OSError):  # it ends without having read all
                channel.sendall(stdin)
                channel.shutdown_write()
            try:
                stdout = _all_of(channel.recv, channel, deadline)
                stderr = _all_of(channel.recv_stderr, channel, deadline)
            except TimeoutError:
                raise subprocess.TimeoutExpired(command, timeout) from None
            if not channel.status_event.wait(max(deadline - time.monotonic(), 0)):
                raise subprocess.TimeoutExpired(command, timeout)
            return subprocess.CompletedProcess(command, channel.recv_exit_status(), stdout, stderr)

    def close(self) -> None:
        """Let go of the connection; `run` makes another one."""
        with self._connecting:
            self._let_go()

    def _connected(self) -> paramiko.Transport:
        with self._connecting:
            if self._transport is None or not self._transport.is_active():
                self._let_go()
                return self._connect()
            return self._transport

    def _let_go(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            self._process.wait()

    def _connect(self) -> paramiko.Transport:
        ours, theirs = socket.socketpair()
        with theirs:
            # Ends with the connection, or with the container.
            self._process = subprocess.Popen(
                ["docker", "exec", "-i", self._container(), *_SSHD],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
            )
        key = paramiko.Ed25519Key.from_private_key_file(str(self._identity_file))
        self._transport = paramiko.Transport(ours)
        self._transport.banner_timeout = _PATIENCE
        self._transport.connect(username="root", pkey=key)
        return self._transport


def _as_user(user: str) -> str:
    """The words that make a command another user's, with the environment of `docker exec`."""
    if user == "root":
        return "env -i PATH=$PATH HOME=/root"
    return f"runuser -u {user} -- env -i PATH=$PATH HOME=/home/{user}"


def _all_of(receive: Callable[[int], bytes], channel: paramiko.Channel, deadline: float) -> bytes:
    parts: list[bytes] = []
    while True:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        part = receive(2**16)
        if not part:
            return b"".join(parts)
        parts.append(part)

"""A small SSH server in this process, for tests that need no container.

It accepts one user's keys and runs commands in a shell here. What an OpenSSH server does is
tested end to end; this one can misbehave on purpose.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_REQUEST

from deployctl.inventory.ssh_public_key import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED_COMMAND = "refuse this"
_GONE = (OSError, EOFError, paramiko.SSHException)
"""What paramiko raises where the client is no longer there."""


@dataclass
class Behaviour:
    """What the server does.

    Attributes:
        host_keys: shown to clients, in the order of the clients' preference.
        authorized: public keys in wire format that may log in.
        max_channels: session channels that may be open at a time.
        second_factor: whether a key alone is not enough.
        methods: ways to log in that it names.
        greeting: sent instead of SSH; None: SSH.
        dropped: connections that are dropped without a word, before the first that is not.
        forwards: whether it is a way to other ports of the loopback interface.
    """

    host_keys: Sequence[paramiko.PKey]
    authorized: set[bytes] = field(default_factory=set)
    max_channels: int = 10
    second_factor: bool = False
    methods: str = "publickey"
    greeting: bytes | None = None
    dropped: int = 0
    forwards: bool = False


class _Server(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko is untyped
    def __init__(self, behaviour: Behaviour, log: list[str]) -> None:
        self._behaviour = behaviour
        self._log = log
        self.channels: list[Any] = []
        self.forwarded: dict[int, int] = {}
        self.accepted: dict[int, str] = {}

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return self._behaviour.methods

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._log.append(f"auth {username} {key.get_name()}")
        if key.asbytes() not in self._behaviour.authorized:
            return int(paramiko.AUTH_FAILED)
        partial = self._behaviour.second_factor
        return int(paramiko.AUTH_PARTIALLY_SUCCESSFUL if partial else paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        self._log.append(f"open {kind}")
        in_use = sum(not channel.closed for channel in self.channels)
        if in_use >= self._behaviour.max_channels:
            return int(paramiko.OPEN_FAILED_RESOURCE_SHORTAGE)
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_direct_tcpip_request(
        self,
        chanid: int,
        origin: tuple[str, int],  # noqa: ARG002
        destination: tuple[str, int],
    ) -> int:
        address, port = destination
        self._log.append(f"forward {address}:{port}")
        if not self._behaviour.forwards:
            return int(paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)
        self.forwarded[chanid] = port
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        text = command.decode()
        self._log.append(f"exec {text}")
        if REFUSED_COMMAND in text:
            return False
        self.channels.append(channel)
        self.accepted[channel.get_id()] = text
        return True


def _handle_request(channel: Any, message: Any) -> None:
    """Start a command once the client was told that it may run: its end must not come first."""
    paramiko.Channel._handle_request(channel, message)  # noqa: SLF001 - paramiko has no other hook
    text = channel.transport.server_object.accepted.pop(channel.get_id(), None)
    if text is not None:
        threading.Thread(target=_execute, args=(channel, text), daemon=True).start()


class _Transport(paramiko.Transport):  # type: ignore[misc]  # the same
    _channel_handler_table: ClassVar[dict[int, Any]] = {
        **paramiko.Transport._channel_handler_table,  # noqa: SLF001 - the same
        MSG_CHANNEL_REQUEST: _handle_request,
    }


def _execute(channel: Any, command: str) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    pumps = [
        threading.Thread(target=_pump, args=(process.stdout, channel.sendall), daemon=True),
        threading.Thread(target=_pump, args=(process.stderr, channel.sendall_stderr), daemon=True),
    ]
    threading.Thread(target=_feed, args=(channel, process.stdin), daemon=True).start()
    for pump in pumps:
        pump.start()
    status = process.wait()
    # The client may have gone by then.
    with contextlib.suppress(*_GONE):
        if status >= 0:
            channel.send_exit_status(status)
        else:
            _send_exit_signal(channel, signal.Signals(-status).name.removeprefix("SIG"))
    for pump in pumps:
        pump.join()
    with contextlib.suppress(EOFError):
        channel.close()


def _pump(source: Any, send: Any) -> None:
    with source:
        while chunk := source.read(32768):
            try:
                send(chunk)
            except _GONE:
                return


def _feed(channel: Any, sink: Any) -> None:
    with contextlib.suppress(*_GONE), sink:
        while chunk := channel.recv(32768):
            sink.write(chunk)


def _forward(transport: Any, server: _Server) -> None:
    """Connect the first channel that asks for another port with that port."""
    channel = transport.accept(10)
    if channel is None:
        return
    with socket.create_connection(("127.0.0.1", server.forwarded[channel.get_id()])) as onward:
        threading.Thread(target=_relay, args=(channel.recv, onward.sendall), daemon=True).start()
        _relay(onward.recv, channel.sendall)


def _relay(receive: Any, send: Any) -> None:
    with contextlib.suppress(*_GONE):
        while data := receive(32768):
            send(data)


def _send_exit_signal(channel: Any, name: str) -> None:
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exit-signal")
    message.add_boolean(False)
    message.add_string(name)
    message.add_boolean(False)
    message.add_string("")
    message.add_string("")
    channel.transport._send_user_message(message)  # noqa: SLF001 - servers can not send it else


class LoopbackServer:
    """An SSH server on a free port of the loopback interface.

    Attributes:
        behaviour: may be changed between connections.
        log: what clients asked for: "auth …", "open …", "exec …".
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.log: list[str] = []
        self.connections = 0
        self._transports: list[Any] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    @property
    def fingerprints(self) -> list[str]:
        """Of its host keys."""
        return [fingerprint(key.asbytes()) for key in self.behaviour.host_keys]

    def drop(self) -> None:
        """Close every connection without a word."""
        for transport in self._transports:
            transport.close()
        for accepted in self._sockets:
            accepted.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(accepted)
            if self.connections <= self.behaviour.dropped:
                accepted.shutdown(socket.SHUT_RDWR)
                continue
            if self.behaviour.greeting is not None:
                with contextlib.suppress(OSError):
                    accepted.sendall(self.behaviour.greeting)
                    accepted.shutdown(socket.SHUT_WR)
                continue
            # It may be closed by `drop` at any moment.
            with contextlib.suppress(paramiko.SSHException, OSError):
                self._serve(accepted)

    def _serve(self, accepted: socket.socket) -> None:
        transport = _Transport(accepted)
        for key in self.behaviour.host_keys:
            transport.add_server_key(key)
        self._transports.append(transport)
        server = _Server(self.behaviour, self.log)
        transport.start_server(event=threading.Event(), server=server)
        if self.behaviour.forwards:
            threading.Thread(target=_forward, args=(transport, server), daemon=True).start()

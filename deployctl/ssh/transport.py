"""Paramiko's transport, with fewer round trips and with exit signals.

This module imports paramiko: import it inside functions only.

Three things that paramiko 4 and 5 do not offer as options. Each is an override of a method or a
table that subclasses are meant to see or that has been stable for ten years, and each is covered
by a test that fails should a new version change it.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_SERVICE_REQUEST

if TYPE_CHECKING:
    from collections.abc import Sequence

# In order of preference, as far as this paramiko has them. The first is hybrid: secure if either
# ML-KEM-768 (against recorded traffic and later quantum computers) or X25519 holds. It takes 1 ms
# more than X25519 alone and OpenSSH has it since 9.9. sntrup761, the older hybrid one, is not
# in paramiko. Finite-field groups stay as a last resort for old servers.
KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
# No CBC, 3DES, MD5 or SHA-1: every OpenSSH since 6.2 (2013) has these.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)


class _AuthHandler(AuthOnlyHandler):  # type: ignore[misc]  # paramiko is untyped
    """Authentication whose answer cannot arrive too early.

    The parent makes the event that the answer sets after it has sent the request: on a fast
    network and a busy machine the answer comes first and is waited for until the time-out.
    """

    def __init__(self, transport: Any) -> None:
        self._answered = threading.Event()
        super().__init__(transport)

    @property
    def auth_event(self) -> threading.Event:
        return self._answered

    @auth_event.setter
    def auth_event(self, event: threading.Event | None) -> None:
        """Keep the event that was there before the request."""

    def send_auth_request(self, *args: Any, **kwargs: Any) -> Any:
        self._answered.clear()
        return super().send_auth_request(*args, **kwargs)


class Transport(paramiko.ServiceRequestingTransport):  # type: ignore[misc]  # the same
    """An SSH client transport for deployctl."""

    auth_handler: Any

    def ensure_session(self) -> None:
        """Ask for the authentication service without waiting for the answer.

        A server handles messages in order, and one that refuses the service ends the connection
        (RFC 4253, section 10): the authentication request can follow at once, which saves a
        round trip. The parent polls for the answer every 0.1 s.
        """
        if not self.active or not self.initial_kex_done:
            raise paramiko.SSHException("No existing session")
        if isinstance(self.auth_handler, _AuthHandler):
            return
        request = paramiko.Message()
        request.add_byte(cMSG_SERVICE_REQUEST)
        request.add_string("ssh-userauth")
        self._send_message(request)
        self.auth_handler = _AuthHandler(self)

    def _handle_channel_request(self: Any, message: Any) -> None:
        """Record the signal that ended a command; paramiko drops it (`self` is a channel)."""
        start = message.packet.tell()
        if message.get_text() == "exit-signal":
            message.get_boolean()
            self.exit_status = exit_status_of_signal(message.get_text())
            self.status_event.set()
            return
        message.packet.seek(start)
        paramiko.Channel._handle_request(self, message)  # noqa: SLF001 - see the module's text

    _channel_handler_table: ClassVar[dict[int, Any]] = {
        **paramiko.Transport._channel_handler_table,  # noqa: SLF001 - see the module's text
        MSG_CHANNEL_REQUEST: _handle_channel_request,
    }


def exit_status_of_signal(name: str) -> int:
    """Return what a shell reports for a command killed by this signal.

    Args:
        name: without "SIG", as in RFC 4254 section 6.10; it comes from the remote host.
    """
    try:
        return 128 + signal.Signals[f"SIG{name}"].value
    except KeyError:
        return 255  # a signal that this machine does not have: killed all the same


def make_transport(sock: Any, host_key_algorithms: Sequence[str], timeout: float) -> Transport:
    """Return a transport that is not started yet.

    Args:
        sock: connected socket, or what paramiko takes for one.
        host_key_algorithms: acceptable ones, in order of preference.
        timeout: seconds for the key exchange.
    """
    transport = Transport(sock)
    transport.handshake_timeout = timeout
    options = transport.get_security_options()
    options.kex = _available(KEY_EXCHANGES, options.kex)
    options.ciphers = _available(CIPHERS, options.ciphers)
    options.digests = _available(MACS, options.digests)
    options.key_types = _available(host_key_algorithms, options.key_types)
    return transport


def _available(wanted: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in wanted if name in offered)

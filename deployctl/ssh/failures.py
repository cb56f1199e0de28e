"""What can go wrong on the way to a host, as errors with a code, a message and a hint."""

from __future__ import annotations

import errno
import socket
import unicodedata
from typing import TYPE_CHECKING

from deployctl.errors import HostError

if TYPE_CHECKING:
    from deployctl.ssh.endpoint import Endpoint

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
# Code of the error for a connection that ended before the host said who it is.
DROPPED = "connection-dropped"
# What sshd says instead of its version when it turns a client away. Since OpenSSH 9.8, the second
# stands for MaxStartups, too.
_TURNED_AWAY = (b"Exceeded MaxStartups", b"Not allowed at this time")
_MEANINGS = {
    b"HTTP/": "a web server",
    b"\x15\x03": "a TLS server",
    b"220": "a mail or FTP server",
}


def printable(text: str | bytes, limit: int = 200) -> str:
    """Return text of unknown origin in one line without control characters.

    Args:
        text: as received; bytes are read as UTF-8.
        limit: characters kept.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = text[: 4 * limit]
    visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    visible = " ".join(visible.split())
    return visible if len(visible) <= limit else visible[: limit - 1] + "…"


def dial_error(endpoint: Endpoint, error: Exception, timeout: float) -> HostError:
    """Return the error for a TCP connection that did not come about."""
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return HostError(
            "name-unknown",
            f"cannot find the address of {endpoint}: the name does not resolve",
            hint="check `address` for typing mistakes, and that this machine's DNS works",
        )
    if isinstance(error, TimeoutError):
        return HostError(
            "connect-timeout",
            f"{endpoint} did not answer within {timeout:g} s",
            hint="is the host up, the address right, and the port open in its firewall?",
        )
    if isinstance(error, ConnectionRefusedError):
        return HostError(
            "connection-refused",
            f"{endpoint} refuses the connection: nothing listens on port {endpoint.port}",
            hint="is sshd running there (`systemctl status ssh`), and on this port?",
        )
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return HostError(
            "no-route",
            f"there is no way to {endpoint} from this machine: {printable(error.strerror or '')}",
            hint="check this machine's network (VPN? IPv6 only?) and the address",
        )
    return HostError(
        "connect-failed",
        f"cannot connect to {endpoint}: {printable(str(error) or type(error).__name__)}",
        hint="try `ssh -v` to the same host from this machine",
    )


def handshake_error(
    endpoint: Endpoint, error: BaseException, first_bytes: bytes, *, timed_out: bool
) -> HostError:
    """Return the error for a connection on which SSH did not get as far as authentication.

    Args:
        endpoint: where it went.
        error: what paramiko raised.
        first_bytes: the first bytes received from there.
        timed_out: whether the time limit was reached.
    """
    is_ssh = b"SSH-" in first_bytes
    if first_bytes and not is_ssh and not first_bytes.startswith(_TURNED_AWAY):
        return _not_ssh(endpoint, first_bytes)
    if timed_out:
        return HostError(
            "connect-timeout",
            f"{endpoint} accepted the connection, but the SSH handshake did not end in time",
            hint="the host may be overloaded, or something between here and there drops packets",
        )
    if is_ssh and type(error).__name__ == "IncompatiblePeer":
        return HostError(
            "ssh-incompatible",
            f"{endpoint} and deployctl have no algorithm in common: {printable(str(error))}",
            hint="the host's sshd is very old or restricts its algorithms: update it",
        )
    said = f": {printable(first_bytes)}" if first_bytes and not is_ssh else ""
    dropped = not first_bytes or first_bytes.startswith(_TURNED_AWAY)
    return HostError(
        DROPPED if dropped else "connection-closed",
        f"{endpoint} closed the connection during the SSH handshake{said}",
        hint="sshd may have too many connections (MaxStartups), or block this address "
        "(fail2ban, PerSourcePenalties, a firewall): wait a minute, then look at its log "
        "(`journalctl -u ssh`)",
    )


def _not_ssh(endpoint: Endpoint, first_bytes: bytes) -> HostError:
    meaning = next((m for start, m in _MEANINGS.items() if first_bytes.startswith(start)), "")
    what = f"{meaning}, not" if meaning else "something that is not"
    return HostError(
        "not-ssh",
        f"{what} an SSH server answers at {endpoint}: {printable(first_bytes, 80)}",
        hint="check `port`: SSH is 22 unless sshd_config says otherwise",
    )


def at_jump_host(endpoint: Endpoint, error: HostError) -> HostError:
    """Return the error for a jump host that could not be passed."""
    return HostError(
        "jump-failed",
        f"cannot get through the jump host {endpoint.label}: {error.message}",
        hint=error.hint,
        details=(f"cause: {error.code}", *error.details),
    )

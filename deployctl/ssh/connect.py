"""Opening a connection: the way there, the host's identity, the login."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Any

from deployctl.errors import HostError
from deployctl.ssh import config, config_files, failures
from deployctl.ssh.authentication import KeyAuthentication
from deployctl.ssh.credentials import Credentials
from deployctl.ssh.hostkeys import HostKeyPolicy
from deployctl.ssh.known_hosts import known_keys
from deployctl.ssh.revocations import read_revocations
from deployctl.ssh.session import CHANNEL_TIMEOUT, Session
from deployctl.ssh.sockets import CommandSocket, EarlyConnection, RecordingSocket, open_tcp

if TYPE_CHECKING:
    from pathlib import Path

    from deployctl.inventory import Host
    from deployctl.ssh.config import Target

KEEPALIVE = 5  # seconds without traffic after which something is sent

# A busy sshd drops new connections at random, before a word is said (MaxStartups). Seconds to
# wait before each further attempt.
_TRY_AGAIN_AFTER = (0.5, 1.0)

# Paramiko logs tracebacks of its transport thread as errors, which Python prints on stderr for
# want of another place. What matters reaches the user as an exception.
_logger = logging.getLogger("paramiko")
_logger.addHandler(logging.NullHandler())
_logger.propagate = False

Dial = Callable[[], Any]


def connect(host: Host, *, ssh_config: Path | None = None) -> Session:
    """Open a connection, check the host's identity, and log in.

    May be called from several threads at a time.

    Args:
        host: from the inventory; what it leaves open comes from ssh_config.
        ssh_config: a file used instead of ~/.ssh/config and /etc/ssh/ssh_config.

    Raises:
        HostError: the host cannot be reached or trusted, or does not let us in; `code` tells
            which.
    """
    text = config_files.read(ssh_config)
    # Made while paramiko is being imported, which takes longer than most connections.
    early = EarlyConnection(config.first_contact(host, text), host.connect_timeout)
    with closing(early), Credentials(host) as credentials:
        target = config.resolve(host, text)
        return _connect_through_jumps(host, target, credentials, early)


def _connect_through_jumps(
    host: Host,
    target: Target,
    credentials: Credentials,
    early: EarlyConnection,
) -> Session:
    with ExitStack() as opened:
        via: Any = None
        for jump in target.jumps:
            try:
                via = _log_in(host, jump, credentials, _dial(jump, via, early))
            except HostError as error:
                raise failures.at_jump_host(jump.endpoint, error) from error
            opened.callback(via.client.close)
        connection = _log_in(host, target, credentials, _dial(target, via, early))
        opened.callback(connection.client.close)
        return Session(host, connection.transport, opened.pop_all())


def _dial(target: Target, via: Any, early: EarlyConnection) -> Dial:
    """Return the function that makes one more raw connection to a machine."""
    if via is not None:
        return partial(_open_tunnel, via, target)
    if target.proxy_command:
        return partial(CommandSocket, target.proxy_command)
    return partial(_open_tcp, target, early)


def _open_tcp(target: Target, early: EarlyConnection) -> Any:
    endpoint = target.endpoint
    try:
        ready = early.take(endpoint.hostname, endpoint.port)
        return ready or open_tcp(endpoint.hostname, endpoint.port, target.timeout)
    except (OSError, UnicodeError) as error:
        raise failures.dial_error(endpoint, error, target.timeout) from error


def _open_tunnel(via: Any, target: Target) -> Any:
    import paramiko

    endpoint = target.endpoint
    try:
        return via.transport.open_channel(
            "direct-tcpip", (endpoint.hostname, endpoint.port), ("", 0), timeout=target.timeout
        )
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise HostError(
            "jump-failed",
            f"the jump host {via.original_host} cannot reach {endpoint}: "
            f"{failures.printable(str(error))}",
            hint="check the address as seen from the jump host, and AllowTcpForwarding in its "
            "sshd_config",
        ) from error


def _log_in(host: Host, target: Target, credentials: Credentials, dial: Dial) -> Any:
    """Return a Fabric connection to one machine, checked and authenticated."""
    policy = _host_key_policy(host, target)
    pauses = iter(_TRY_AGAIN_AFTER)
    while True:
        try:
            return _open(target, dial(), policy, KeyAuthentication(host, target, credentials))
        except HostError as error:
            if error.code == failures.DROPPED and (pause := next(pauses, None)) is not None:
                time.sleep(pause)
            elif (final := policy.final(error)) is not None:
                raise final from error.__cause__


def _host_key_policy(host: Host, target: Target) -> HostKeyPolicy:
    return HostKeyPolicy(
        target.endpoint,
        None if target.is_jump else host.host_key,
        known_keys(target.known_hosts, target.key_name, target.endpoint.port),
        [read_revocations(path) for path in target.revoked],
        is_jump=target.is_jump,
    )


def _open(
    target: Target, sock: Any, policy: HostKeyPolicy, authentication: KeyAuthentication
) -> Any:
    recording = RecordingSocket(sock)
    connection = _fabric_connection(target, recording, policy, authentication)
    started = time.monotonic()
    with ExitStack() as otherwise:  # after Ctrl-C, too
        otherwise.callback(sock.close)
        otherwise.callback(connection.client.close)
        try:
            connection.open()
        except HostError:
            raise
        except Exception as error:
            # Anything: bytes from a peer that is no SSH server make paramiko raise what they like.
            timed_out = time.monotonic() - started >= 0.9 * target.timeout
            raise failures.handshake_error(
                target.endpoint, error, recording.first_bytes, timed_out=timed_out
            ) from error
        otherwise.pop_all()
    connection.transport.set_keepalive(KEEPALIVE)
    return connection


def _fabric_connection(
    target: Target, sock: Any, policy: HostKeyPolicy, authentication: KeyAuthentication
) -> Any:
    from fabric.config import Config
    from fabric.connection import Connection
    from paramiko import SSHConfig

    from deployctl.ssh.transport import make_transport

    def transport_factory(sock: Any, **_options: Any) -> Any:
        return make_transport(sock, policy.algorithms(), target.timeout)

    connection = Connection(
        target.endpoint.hostname,
        user=target.user,
        port=target.endpoint.port,
        # Lazy, with an empty ssh_config: neither ~/.fabric.yaml nor Fabric's reading of
        # ssh_config has a say.
        config=Config(lazy=True, ssh_config=SSHConfig()),
        forward_agent=False,
        connect_kwargs={
            "sock": sock,
            "timeout": target.timeout,
            # Less than `timeout`, or a silent host gives the misleading "No existing session".
            "banner_timeout": 0.9 * target.timeout,
            "auth_timeout": target.timeout,
            "channel_timeout": CHANNEL_TIMEOUT,
            "compress": False,
            "transport_factory": transport_factory,
            "auth_strategy": authentication,
        },
    )
    connection.client.set_missing_host_key_policy(policy)
    return connection

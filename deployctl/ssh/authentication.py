"""Logging in with keys, and saying afterwards which ones were tried."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Any

from deployctl.errors import HostError
from deployctl.ssh.config_files import at_home
from deployctl.ssh.endpoint import SSH_PORT, Endpoint
from deployctl.ssh.failures import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployctl.inventory import Host
    from deployctl.ssh.config import Target
    from deployctl.ssh.credentials import Credentials
    from deployctl.ssh.private_keys import Identity

_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


class KeyAuthentication:
    """Tries one key after the other; paramiko calls `authenticate`.

    Passwords and keyboard-interactive are never tried.

    Args:
        host: from the inventory.
        target: the machine to log in to: that host or one of its jump hosts.
        credentials: what there is to log in with. If the inventory gives a key, only that one
            is used for the host; for jump hosts, others are tried after it.
    """

    def __init__(self, host: Host, target: Target, credentials: Credentials) -> None:
        self._host = host
        self._target = target
        self._credentials = credentials
        self._tried: list[Identity] = []
        self._unusable: list[str] = []

    def authenticate(self, transport: Any) -> None:
        """Log in.

        Raises:
            HostError: auth-failed, connect-timeout or connection-closed.
        """
        import paramiko

        allowed: list[str] = []
        for identity in self._identities():
            if identity.public_blob in [tried.public_blob for tried in self._tried]:
                continue
            self._tried.append(identity)
            started = time.monotonic()
            try:
                transport.auth_publickey(self._target.user, identity.key)
            except paramiko.BadAuthenticationType as error:
                allowed = error.allowed_types
                break
            except (paramiko.SSHException, EOFError, OSError):
                self._check_connection(transport, time.monotonic() - started)
                if not transport.is_active():  # too many keys for the host
                    break
                continue
            if transport.is_authenticated():
                return
            break  # this key is accepted, but the host wants a second factor
        raise self._error(transport, allowed)

    def _check_connection(self, transport: Any, seconds: float) -> None:
        """Return if the failure of an attempt was the host's answer."""
        endpoint = self._target.endpoint
        if seconds >= self._target.timeout:
            raise HostError(
                "connect-timeout",
                f"{endpoint} did not answer to the login within {seconds:.0f} s",
                hint="the host may be overloaded, or its name look-ups (UseDNS) or PAM hang",
            )
        if len(self._tried) == 1 and not transport.is_active():
            raise HostError(
                "connection-closed",
                f"{endpoint} closed the connection during the login of {self._target.user}",
                hint="the network may have failed: try again; otherwise the host's log says why "
                "(`journalctl -u ssh`)",
            )

    def _identities(self) -> Iterator[Identity]:
        target, credentials = self._target, self._credentials
        if credentials.given is not None:
            yield credentials.given
            if not target.is_jump:
                return
        for name in target.identity_files:
            yield from self._from_file(name)
        if not target.only_those:
            yield from credentials.agent(target.agent).identities()
        if not target.identity_files:
            for name in _DEFAULT_FILES:
                if at_home(name).exists():
                    yield from self._from_file(name)

    def _from_file(self, name: str) -> Iterator[Identity]:
        try:
            yield self._credentials.from_file(name, self._target.agent)
        except HostError as error:
            self._unusable.append(error.message)

    def _error(self, transport: Any, allowed: list[str]) -> HostError:
        endpoint, user = self._target.endpoint, self._target.user
        details = [f"tried: {key}" for key in self._tried]
        details += [f"not usable: {problem}" for problem in self._unusable]
        if allowed:
            methods = printable(", ".join(allowed), 100)
            details.append(f"the host allows other ways to log in only: {methods}")
        if not self._tried:
            return HostError(
                "auth-failed",
                f"there is no key to log in to {endpoint} as {user}",
                hint=_no_key_hint(self._host, endpoint),
                details=details,
            )
        count = "the key was" if len(self._tried) == 1 else f"{len(self._tried)} keys were"
        closed = "" if transport.is_active() else "; then it closed the connection"
        return HostError(
            "auth-failed",
            f"{endpoint} does not let {user} in: {count} refused{closed}",
            hint=_let_in(self._target, self._tried[0])
            if not allowed
            else "PubkeyAuthentication must not be off in the host's sshd_config; as root:\n"
            "sshd -T | grep -i pubkey",
            details=details,
        )


def _let_in(target: Target, identity: Identity) -> str:
    """What root types to let a key in. It adds a line: other keys in the file stay."""
    endpoint, user = target.endpoint, shlex.quote(target.user)
    port = f"-p {endpoint.port} " if endpoint.port != SSH_PORT else ""
    # A jump host has to forward, which "restrict" would forbid.
    options = "" if target.is_jump else "restrict "
    line = f"{options}{identity.key.get_name()} {identity.key.get_base64()} deployctl"
    return (
        f"let it in, as root on the host (ssh {port}root@{endpoint.hostname}, or its console). No "
        "such user yet: see the README, First deploy. If the key is there, journalctl -u ssh says "
        "why it is refused:\n"
        # The line before may lack its end.
        f"su {user} -c 'umask 077; mkdir -p ~/.ssh; "
        f'printf "\\n%s\\n" "{line}" >>~/.ssh/authorized_keys\''
    )


def _no_key_hint(host: Host, endpoint: Endpoint) -> str:
    return (
        f'add to [hosts.{host.name}]: ssh_key = {{ env = "DEPLOY_SSH_KEY" }} or '
        f'identity_file = "~/.ssh/…", or load a key into ssh-agent (`ssh-add`); no key yet: '
        f'ssh-keygen -t ed25519 -N "" -f deploy_key, and let it in on {endpoint.hostname} as the '
        "README says (First deploy)"
    )

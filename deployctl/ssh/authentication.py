"""Logging in with keys, and saying afterwards which ones were tried."""

from __future__ import annotations

import os
import shlex
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deployctl import suggest
from deployctl.errors import HostError
from deployctl.ssh import keys
from deployctl.ssh.config import at_home
from deployctl.ssh.failures import Place, printable
from deployctl.ssh.keys import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployctl.inventory import Host
    from deployctl.ssh.config import Target

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
        seen: set[bytes] = set()
        for identity in self._identities():
            if identity.public_blob in seen:
                continue
            seen.add(identity.public_blob)
            self._tried.append(identity)
            started = time.monotonic()
            try:
                transport.auth_publickey(self._target.user, identity.key)
            except paramiko.BadAuthenticationType as error:
                allowed = error.allowed_types
                break
            except (paramiko.SSHException, EOFError, OSError):
                self._check_link(transport, time.monotonic() - started)
                if not transport.is_active():  # too many keys for the host
                    break
                continue
            if transport.is_authenticated():
                return
            break  # this key is accepted, but the host wants a second factor
        raise self._error(transport, allowed)

    def _check_link(self, transport: Any, seconds: float) -> None:
        """Return if the failure of an attempt was the host's answer."""
        place = self._target.place
        if seconds >= self._target.timeout:
            raise HostError(
                "connect-timeout",
                f"{place} did not answer to the login within {seconds:.0f} s",
                hint="the host may be overloaded, or its name look-ups (UseDNS) or PAM hang",
            )
        if len(self._tried) == 1 and not transport.is_active():
            raise HostError(
                "connection-closed",
                f"{place} closed the connection during the login of {self._target.user}",
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
        place, user = self._target.place, self._target.user
        details = [f"tried: {key}" for key in self._tried]
        details += [f"not usable: {problem}" for problem in self._unusable]
        if allowed:
            methods = printable(", ".join(allowed), 100)
            details.append(f"the host allows other ways to log in only: {methods}")
        if not self._tried:
            return HostError(
                "auth-failed",
                f"there is no key to log in to {place} as {user}",
                hint=_no_key_hint(self._host, place),
                details=details,
            )
        count = "the key was" if len(self._tried) == 1 else f"{len(self._tried)} keys were"
        closed = "" if transport.is_active() else "; then it closed the connection"
        return HostError(
            "auth-failed",
            f"{place} does not let {user} in: {count} refused{closed}",
            hint=_let_in(self._target, self._tried[0])
            if not allowed
            else "PubkeyAuthentication must not be off in the host's sshd_config; as root:\n"
            "sshd -T | grep -i pubkey",
            details=details,
        )


def _let_in(target: Target, identity: Identity) -> str:
    """What root types to let a key in. It adds a line: other keys in the file stay."""
    place, user = target.place, shlex.quote(target.user)
    port = f"-p {place.port} " if place.port != 22 else ""  # noqa: PLR2004
    # A jump host has to forward, which "restrict" would forbid.
    options = "" if target.is_jump else "restrict "
    line = f"{options}{identity.key.get_name()} {identity.key.get_base64()} deployctl"
    return (
        f"let it in, as root on the host (ssh {port}root@{place.hostname}, or its console). No "
        "such user yet: see the README, First deploy. If the key is there, journalctl -u ssh says "
        "why it is refused:\n"
        # The line before may lack its end.
        f"su {user} -c 'umask 077; mkdir -p ~/.ssh; "
        f'printf "\\n%s\\n" "{line}" >>~/.ssh/authorized_keys\''
    )


def _no_key_hint(host: Host, place: Place) -> str:
    return (
        f'add to [hosts.{host.name}]: ssh_key = {{ env = "DEPLOY_SSH_KEY" }} or '
        f'identity_file = "~/.ssh/…", or load a key into ssh-agent (`ssh-add`); no key yet: '
        f'ssh-keygen -t ed25519 -N "" -f deploy_key, and let it in on {place.hostname} as the '
        "README says (First deploy)"
    )


class Agent:
    """The keys in ssh-agent; it is asked when the first one is needed.

    Args:
        path: its socket; None: that of SSH_AUTH_SOCK; empty: there is none.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._agent: Any = None

    def identities(self) -> list[Identity]:
        """Return all keys; none if there is no agent."""
        if self._path == "":
            return []
        try:
            self._agent = self._agent or _agent_at(self._path)
            found = self._agent.get_keys()
        except Exception:  # noqa: BLE001 - an agent that answers nonsense raises anything
            return []
        return [Identity(key, "ssh-agent") for key in found]

    def holds(self, public_file: Path) -> Identity | None:
        """Return the key whose public half is in this file."""
        try:
            public = public_file.read_text("utf-8", "replace").split()
        except OSError:
            return None
        for identity in self.identities():
            if public[1:2] == [identity.key.get_base64()]:
                return identity
        return None

    def close(self) -> None:
        """Close the connection to the agent; its keys cannot be used any more."""
        if self._agent is not None:
            self._agent.close()


def _agent_at(path: str | None) -> Any:
    import paramiko

    if path is None:
        return paramiko.Agent()
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.connect(path)
        agent = paramiko.agent.AgentSSH()
        agent._connect(connected)  # noqa: SLF001 - paramiko takes no other path than SSH_AUTH_SOCK
    except BaseException:
        connected.close()
        raise
    agent.close = agent._close  # noqa: SLF001 - as the one of SSH_AUTH_SOCK has it
    return agent


class Credentials:
    """What there is to log in with, for the time of one `connect`.

    Args:
        host: from the inventory.

    Raises:
        HostError: key-unusable; the key that the inventory gives.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._agents: dict[str | None, Agent] = {}
        self.given = self._given()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for agent in self._agents.values():
            agent.close()

    def agent(self, path: str | None) -> Agent:
        """Return the agent at a socket, see Target.agent."""
        return self._agents.setdefault(path, Agent(path))

    def _given(self) -> Identity | None:
        host = self._host
        if host.private_key is not None:
            source = host.private_key_source or "ssh_key"
            return keys.load(host.private_key, host.passphrase, source)
        if host.identity_file is not None:
            return self.from_file(host.identity_file)
        return None

    def from_file(self, name: str, agent: str | None = None) -> Identity:
        """Return the key in a file, or the same key from the agent if the file is encrypted.

        A public key's file stands for the same key in the agent, as in ssh_config. A certificate
        beside the file ("…-cert.pub") is used with it, as ssh does.

        Args:
            name: the file.
            agent: the agent's socket, see Target.agent.

        Raises:
            HostError: key-unusable.
        """
        path = at_home(name)
        if path.suffix == ".pub" and (in_agent := self.agent(agent).holds(path)):
            return in_agent
        try:
            text = path.read_text("utf-8", "replace")
            open_to_others = _open_to_others(path)
        except OSError as error:
            raise HostError(
                "key-unusable",
                f"cannot read the private key {name}: {error.strerror}",
                hint="check `identity_file` and the file's permissions",
            ) from error
        if open_to_others and "PRIVATE KEY" in text:
            raise HostError(
                "key-unusable",
                f"other users of this computer may read the private key {name}",
                hint=suggest.hint(
                    "ssh does not use such a key either; if nobody has read it:",
                    suggest.typed("chmod", "600", str(path)),
                ),
            )
        try:
            identity = keys.load(text, self._host.passphrase, name)
        except keys.PassphraseNeededError:
            if in_agent := self.agent(agent).holds(Path(f"{path}.pub")):
                return in_agent
            raise
        _load_certificate(identity, Path(f"{path}-cert.pub"))
        return identity


def _open_to_others(path: Path) -> bool:
    """Whether a file of ours is. That of another user is that user's affair, as for ssh."""
    status = path.stat()
    return status.st_uid == os.getuid() and bool(status.st_mode & 0o077)


def _load_certificate(identity: Identity, path: Path) -> None:
    import paramiko

    # One that cannot be read is no reason not to try the key alone.
    with suppress(paramiko.SSHException, ValueError, OSError):
        if path.is_file():
            identity.key.load_certificate(str(path))

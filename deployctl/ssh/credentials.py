"""What there is to log in with: the inventory's key, files, and ssh-agent."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from deployctl.errors import HostError
from deployctl.release import suggest
from deployctl.ssh import private_keys
from deployctl.ssh.agent import Agent
from deployctl.ssh.config_files import at_home

if TYPE_CHECKING:
    from deployctl.inventory import Host
    from deployctl.ssh.private_keys import Identity


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
            return private_keys.load(host.private_key, host.passphrase, source)
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
            identity = private_keys.load(_read(path, name), self._host.passphrase, name)
        except private_keys.PassphraseNeededError:
            if in_agent := self.agent(agent).holds(Path(f"{path}.pub")):
                return in_agent
            raise
        _load_certificate(identity, Path(f"{path}-cert.pub"))
        return identity


def _read(path: Path, name: str) -> str:
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
    return text


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

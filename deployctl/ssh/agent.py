"""The keys in ssh-agent."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from deployctl.ssh.private_keys import Identity

if TYPE_CHECKING:
    from pathlib import Path


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

"""Where a connection goes."""

from __future__ import annotations

from dataclasses import dataclass

SSH_PORT = 22


@dataclass(frozen=True)
class Endpoint:
    """One machine, in the words of a message.

    Attributes:
        label: name in the inventory, or of a jump host as written.
        hostname: name or address that is connected to.
        port: TCP port.
    """

    label: str
    hostname: str
    port: int

    def __str__(self) -> str:
        address = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{self.label} ({address}:{self.port})"


def known_name(hostname: str, port: int) -> str:
    """Return the name under which known_hosts files have a machine's keys."""
    return hostname if port == SSH_PORT else f"[{hostname}]:{port}"

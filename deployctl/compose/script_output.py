"""What a command on the host printed. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScriptOutput:
    """What a command on the host printed, and how it ended."""

    data: bytes
    status: int

    @property
    def lines(self) -> tuple[str, ...]:
        """What it printed, as text."""
        return tuple(self.data.decode("utf-8", "replace").splitlines())

"""Bounded collection of what a remote command writes."""

from __future__ import annotations

MAX_LINE = 1024 * 1024  # bytes of a line that are passed on


class _Part:
    """A part of a stream, of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()

    def __bytes__(self) -> bytes:
        return bytes(self._kept)


class Head(_Part):
    """The first bytes of a stream."""

    def add(self, chunk: bytes) -> None:
        """Append a part of the stream."""
        self._kept += chunk[: self._limit - len(self._kept)]


class Tail(_Part):
    """The last bytes of a stream."""

    def add(self, chunk: bytes) -> None:
        """Append a part of the stream."""
        self._kept += chunk
        del self._kept[: -self._limit]


class Lines:
    """Splits a stream into lines of bounded length.

    Args:
        limit: bytes of a line that are kept; the rest of it is dropped.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._partial = bytearray()

    def add(self, chunk: bytes) -> list[bytes]:
        """Return the lines that this part of the stream completes, without line breaks."""
        *ends, rest = chunk.split(b"\n")
        lines = []
        for end in ends:
            self._extend(end)
            lines.append(bytes(self._partial))
            self._partial.clear()
        self._extend(rest)
        return lines

    def _extend(self, part: bytes) -> None:
        self._partial += part[: self._limit - len(self._partial)]

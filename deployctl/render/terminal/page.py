"""A stream that people read: what it can show, and lines of styled pieces written to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from deployctl.render.harmless import LONGEST, disarm, safe
from deployctl.render.terminal.wrapping import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deployctl.render.terminal.wrapping import Piece

BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"
"""Styles, as the numbers of ECMA-48's "select graphic rendition"."""

_STANDARD_WIDTH = 80
_NARROWEST = 20
# For streams that cannot say ✓.
_PLAIN = str.maketrans(
    {"✓": "+", "✗": "x", "…": "~", "→": "->", "\u2013": "-", "—": "-", "·": ".", "“": '"', "”": '"'}
)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees the stream; a closed one is no terminal."""
    try:
        return stream.isatty()
    except (OSError, ValueError):
        return False


def is_smart(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal that understands escape sequences."""
    return is_terminal(stream) and environment.get("TERM", "") not in {"", "dumb", "unknown"}


def wants_color(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to write colours: on a terminal that has them, and `NO_COLOR` is unset or empty."""
    return is_smart(stream, environment) and not environment.get("NO_COLOR")


def animates(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a line may be redrawn: on a smart terminal, and never in CI."""
    in_ci = environment.get("CI", "").lower() not in {"", "0", "false"}
    return is_smart(stream, environment) and not in_ci


def terminal_width(stream: TextIO, environment: Mapping[str, str]) -> int:
    """Return the stream's width in columns: `COLUMNS`, the terminal's own, or 80."""
    wanted = environment.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 and int(wanted):  # noqa: PLR2004 - no terminal is that wide
        return max(int(wanted), _NARROWEST)
    try:
        own = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return _STANDARD_WIDTH
    return max(own, _NARROWEST) if own else _STANDARD_WIDTH


class Page:
    """Writes lines to one stream, in what it can show.

    Attributes:
        stream: where to.
        color: whether styles are written.
        width: columns that a line may take; None: any number (the stream is no terminal).
        yes: the mark of what went well.
        no: the mark of what did not.
        ellipsis: the mark where something was cut off.
    """

    def __init__(self, stream: TextIO, *, color: bool, width: int | None = None) -> None:
        self.stream = stream
        self.color = color
        self.width = width if is_terminal(stream) else None
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._universal = self._encoding.lower().replace("_", "-") in {"utf-8", "utf8"}
        self.yes, self.no, self.ellipsis = map(self.encodable, "✓✗…")

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str]) -> Page:
        """Return a page with the colours and the width that a stream has in an environment."""
        width = terminal_width(stream, environment)
        return cls(stream, color=wants_color(stream, environment), width=width)

    def encodable(self, text: str) -> str:
        """Return a text that the stream's encoding has; other characters are escaped."""
        if self._universal or text.isascii():
            return text
        try:
            plain = text.translate(_PLAIN)
            return plain.encode(self._encoding, "backslashreplace").decode(self._encoding)
        except (LookupError, UnicodeError):
            return text.encode("ascii", "backslashreplace").decode()

    def show(self, text: str, *, limit: int = LONGEST) -> str:
        """Return anything as one harmless line that the stream can show."""
        return self.encodable(safe(text, limit=limit))

    def line(self, *pieces: Piece) -> None:
        """Write one line; its texts are harmless already."""
        self.stream.write(self.compose(*pieces) + "\n")

    def text(self, *pieces: Piece, indent: int = 0) -> None:
        """Write one line, or on a terminal as many as its width asks for.

        Args:
            pieces: harmless already.
            indent: columns in front of all lines but the first.
        """
        for line in self.lines(*pieces, indent=indent):
            self.stream.write(line + "\n")

    def lines(self, *pieces: Piece, indent: int = 0) -> list[str]:
        """Return what `text` would write, without the line ends."""
        if self.width is None:
            return [self.compose(*pieces)]
        return [self.compose(*line) for line in fold(pieces, self.width, indent)]

    def compose(self, *pieces: Piece) -> str:
        """Return a line of pieces, without its end."""
        parts = [piece if isinstance(piece, tuple) else (piece, "") for piece in pieces]
        rest = disarm("".join(text for text, _ in parts))
        painted = []
        for text, style in parts:  # disarming changes no length
            painted.append(self._paint(rest[: len(text)], style))
            rest = rest[len(text) :]
        return "".join(painted)

    def _paint(self, text: str, style: str) -> str:
        text = self.encodable(text)
        return f"\x1b[{style}m{text}\x1b[0m" if self.color and style and text else text

"""Lines that keep to a terminal's width: broken between words, never within one.

A word that is longer than a line stays whole where it is (a path, a digest, a URL): the terminal
continues it on its next line by itself, and what is copied there is one piece. Rich's wrapping
cuts such words, and the standard library's does not know that some characters are two columns wide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deployctl.render.terminal.columns import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

Piece: TypeAlias = "str | tuple[str, str]"
"""A text, or a text and its style."""

_WORD = re.compile(" *[^ ]+")
_LEAST_ROOM = 20
_SMALL_INDENT = 4


def fold(pieces: Sequence[Piece], width: int, indent: int) -> Iterator[list[Piece]]:
    """Break a line of pieces into lines of `width` columns, where words allow it.

    Args:
        pieces: of the line; words may go over their borders.
        width: in columns.
        indent: columns in front of all lines but the first; fewer where that leaves no room.
    """
    parts = [piece if isinstance(piece, tuple) else (piece, "") for piece in pieces]
    text = "".join(part for part, _ in parts)
    if columns(text) <= width:
        yield list(pieces)
        return
    indent = _indent(text, width, indent)
    start, end, margin = 0, 0, 0
    for word in _WORD.finditer(text):
        first = word.end() - len(word[0].lstrip(" "))
        too_long = columns(text[start : word.end()]) > width - margin
        fits_below = columns(text[first : word.end()]) <= width - indent
        if end and too_long and fits_below:
            yield [" " * margin, *_cut_out(parts, start, end)]
            start, margin = first, indent
        end = word.end()
    yield [" " * margin, *_cut_out(parts, start, end)]


def _indent(text: str, width: int, indent: int) -> int:
    """A word that fits only further left is worth more than a straight margin."""
    longest = max(map(columns, text.split(" ")))
    room = width - indent
    fits_further_left = room < longest <= width - _SMALL_INDENT
    return min(indent, _SMALL_INDENT) if room < _LEAST_ROOM or fits_further_left else indent


def _cut_out(parts: Sequence[tuple[str, str]], start: int, end: int) -> Iterator[Piece]:
    """The pieces of a part of the text, with their styles."""
    for text, style in parts:
        if part := text[max(start, 0) : max(end, 0)]:
            yield part, style
        start, end = start - len(text), end - len(text)

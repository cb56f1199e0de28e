"""Texts with expressions in them: `sha-${{ github.sha }}`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from deployctl.lint.expressions.parser import ExpressionError, parse
from deployctl.lint.expressions.tree import Expression, Joined, Literal


@dataclass(frozen=True, slots=True)
class Embedded:
    """An expression in a text: `${{ expression }}`.

    Attributes:
        expression: what is between the braces.
        start: offset of `${{` in the text.
        end: offset behind `}}`.
    """

    expression: Expression
    start: int
    end: int


@lru_cache(maxsize=4096)
def embedded(text: str) -> tuple[Embedded, ...]:
    """Return the expressions in a text.

    Raises:
        ExpressionError: one of them cannot be read or does not end.
    """
    found = []
    start = text.find("${{")
    while start >= 0:
        end = _end(text, start + 3)
        found.append(Embedded(parse(text[start + 3 : end]), start, end + 2))
        start = text.find("${{", end + 2)
    return tuple(found)


def _end(text: str, position: int) -> int:
    """Return the offset of the `}}` that ends an expression; those in its strings do not."""
    quoted = False
    for offset in range(position, len(text) - 1):
        if text[offset] == "'":
            quoted = not quoted
        elif not quoted and text.startswith("}}", offset):
            return offset
    raise ExpressionError("'${{' without '}}'")


@lru_cache(maxsize=4096)
def whole(text: str) -> Expression:
    """Return a text with expressions as one expression: itself, or what joins its pieces."""
    pieces: list[Expression] = []
    position = 0
    for part in embedded(text):
        if part.start > position:
            pieces.append(Literal(text[position : part.start]))
        pieces.append(part.expression)
        position = part.end
    if position < len(text) or not pieces:
        pieces.append(Literal(text[position:]))
    return pieces[0] if len(pieces) == 1 else Joined(tuple(pieces))


def condition(text: str) -> Expression:
    """Read an `if:`, which needs no braces.

    Text around the braces (also a line end) makes it a joined text, which is always true: so
    does GitHub.
    """
    return whole(text) if "${{" in text else parse(text.strip())

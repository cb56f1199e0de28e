"""How many columns of a terminal a text takes, and texts cut or filled up to a number of them."""

from __future__ import annotations


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if character.isascii():
        return 1
    import unicodedata

    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int, mark: str = "…") -> str:
    """Return a text that takes `width` columns at most, with a mark where its end is missing."""
    if columns(text) <= width:
        return text
    if width < len(mark):
        return ""
    return _head(text, width - len(mark)) + mark


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return a text filled up with spaces to `width` columns."""
    space = " " * (width - columns(text))
    return space + text if right else text + space


def _head(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _columns_of(character)
        if used > width:
            return text[:index]
    return text

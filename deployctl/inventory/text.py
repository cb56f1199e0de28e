"""Words for messages. Whatever a user or a file wrote is escaped before it is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deployctl.quoting import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BARE_KEY = r"[A-Za-z0-9_-]+"
_LONGEST_SHOWN = 80
_MOST_NAMES = 12
_LONGEST_WORD = 64


def shown(text: str) -> str:
    """Return `text` in double quotes, escaped and cut to a readable length.

    A private key is never shown, wherever it was pasted by mistake.
    """
    if "PRIVATE KEY" in text:
        return "(a private key, not shown)"
    cut = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return '"' + escaped(cut.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def key_path(parts: Sequence[str | int]) -> str:
    """Return the path of a value as TOML would write it: `services.web.hosts[1]`."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            key = part if re.fullmatch(_BARE_KEY, part) else shown(part)
            path += f".{key}" if path else key
    return path


def listing(names: Iterable[str]) -> str:
    """Return names with commas between them, at most a line's worth."""
    every = [name if re.fullmatch(_BARE_KEY, name) else shown(name) for name in names]
    rest = len(every) - _MOST_NAMES
    return ", ".join(every[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ` (did you mean "x"?)` for the closest candidate, or nothing."""
    close = closest(word, candidates)
    return f" (did you mean {shown(close)}?)" if close else ""


def closest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate that a mistyped word may stand for; empty: none is near."""
    if len(word) > _LONGEST_WORD:
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, candidates, n=1)), "")


def kind_of(value: object) -> str:
    """Return what a TOML value is, in words: "a string", "a number", "a table"."""
    # bool before int: in Python, True is a number.
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        (str, "a string"),
        ((int, float), "a number"),
        (list, "a list"),
        (dict, "a table"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "a date or time")

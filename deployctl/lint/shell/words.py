"""A script's text → its words and separators.

No shell: quotes, comments, line ends, here-documents and separators are understood; what a
variable holds or a function does is not. `${{ … }}` is one piece of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SEPARATORS = ("&&", "||", ";;", "|&", ";", "|", "&", "\n", "(", ")")
_HERE = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")


@dataclass(slots=True)
class Word:
    """A word without its quotes, or a separator between commands.

    Attributes:
        offset: where it begins in the script.
    """

    text: str
    offset: int
    separator: bool = False


def words_of(script: str) -> Iterator[Word]:
    """Return the words and separators of a script, without comments and here-documents."""
    position = 0
    bodies: list[str] = []
    while position < len(script):
        character = script[position]
        if character in " \t\r" or script.startswith("\\\n", position):
            position += 2 if character == "\\" else 1
        elif character == "#":
            position = _line_end(script, position)
        elif here := _HERE.match(script, position):
            bodies.append(here[2])
            position = here.end()
        elif separator := _separator(script, position):
            yield Word(separator, position, separator=True)
            position += len(separator)
            if separator == "\n":
                position = _behind_bodies(script, position, bodies)
                bodies = []
        else:
            start = position
            text, position = _word(script, position)
            yield Word(text, start)


def _separator(script: str, position: int) -> str:
    found = next((each for each in _SEPARATORS if script.startswith(each, position)), "")
    # `>&2` and `&>file` redirect.
    if found == "&" and (
        script[position - 1 : position] in "<>" or script[position + 1 :][:1] == ">"
    ):
        return ""
    return found


def _line_end(script: str, position: int) -> int:
    end = script.find("\n", position)
    return len(script) if end < 0 else end


def _behind_bodies(script: str, position: int, bodies: list[str]) -> int:
    """Step over here-documents: they are input, not commands."""
    for name in bodies:
        while position < len(script):
            end = _line_end(script, position)
            line = script[position:end].strip()
            position = end + 1
            if line == name:
                break
    return min(position, len(script))


def _word(script: str, position: int) -> tuple[str, int]:
    """Read one word; return it without quotes, and the position behind it."""
    pieces: list[str] = []
    while position < len(script):
        character = script[position]
        if character in " \t\r\n" or (character in ";|()" or _separator(script, position)):
            break
        piece, position = _piece(script, position)
        pieces.append(piece)
    if not pieces:  # never stand still
        return script[position], position + 1
    return "".join(pieces), position


def _piece(script: str, position: int) -> tuple[str, int]:
    character = script[position]
    if character == "'":
        end = script.find("'", position + 1)
        end = len(script) if end < 0 else end
        return script[position + 1 : end], end + 1
    if character == '"':
        return _double_quoted(script, position + 1)
    return _character(script, position)


def _double_quoted(script: str, position: int) -> tuple[str, int]:
    pieces: list[str] = []
    while position < len(script) and script[position] != '"':
        piece, position = _character(script, position)
        pieces.append(piece)
    return "".join(pieces), position + 1


def _character(script: str, position: int) -> tuple[str, int]:
    """Read what means the same with and without double quotes around it."""
    if script[position] == "\\":
        kept = script[position + 1 : position + 2]
        return ("" if kept == "\n" else kept), position + 2
    if script[position] == "$":
        return _expansion(script, position)
    return script[position], position + 1


def _expansion(script: str, position: int) -> tuple[str, int]:
    """Read `$x`, `${…}`, `$(…)` or `${{ … }}` as it is written."""
    for opening, closing in (("${{", "}}"), ("${", "}")):
        if script.startswith(opening, position):
            end = script.find(closing, position)
            end = len(script) if end < 0 else end + len(closing)
            return script[position:end], end
    if script.startswith("$(", position):
        end = _closing_bracket(script, position + 2)
        return script[position:end], end
    return "$", position + 1


def _closing_bracket(script: str, position: int) -> int:
    depth = 1
    while position < len(script) and depth:
        depth += {"(": 1, ")": -1}.get(script[position], 0)
        position += 1
    return position

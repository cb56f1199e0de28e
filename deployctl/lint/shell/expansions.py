"""What the shell or GitHub replaces in a word before its command runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VARIABLE = re.compile(
    r"\$\{\{(?P<expression>.*?)\}\}"
    r"|\$\((?P<command>.*)\)"
    r"|\$\{(?P<name>\w+)(?P<change>[^}]*)\}"
    r"|\$(?P<plain>[A-Za-z_]\w*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Expansion:
    """Something in a word that is replaced before the command runs.

    Attributes:
        kind: `expression` (GitHub's), `command` or `variable`.
        text: the expression, the command, or the variable's name.
        change: of `${name:-x}`, what stands behind the name.
    """

    kind: str
    text: str
    change: str = ""


def expansions(word: str) -> list[Expansion | str]:
    """Split a word into texts and what is replaced."""
    found: list[Expansion | str] = []
    position = 0
    for match in _VARIABLE.finditer(word):
        if match.start() > position:
            found.append(word[position : match.start()])
        found.append(_expansion_of(match))
        position = match.end()
    if position < len(word):
        found.append(word[position:])
    return found


def _expansion_of(match: re.Match[str]) -> Expansion:
    if match["expression"] is not None:
        return Expansion("expression", match["expression"])
    if match["command"] is not None:
        return Expansion("command", match["command"])
    return Expansion("variable", match["name"] or match["plain"], match["change"] or "")

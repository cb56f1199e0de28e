"""The commands of a shell script, as far as they can be seen without running it.

No shell: quotes, comments, line ends, here-documents and separators are understood; what a
variable holds or a function does is not. `${{ … }}` is one piece of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_SEPARATORS = ("&&", "||", ";;", "|&", ";", "|", "&", "\n", "(", ")")
_KEYWORDS = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "!", "{", "}"}
)
_TESTS = frozenset({"if", "elif", "while", "until", "!"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_HERE = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
# Programs that run another one, with the options of theirs that take a value.
_RUNNERS = {
    "sudo": frozenset({"-u", "-g", "-h", "-C"}),
    "env": frozenset({"-u", "-C"}),
    "timeout": frozenset({"-k", "-s"}),
    "nice": frozenset({"-n"}),
    "exec": frozenset[str](),
    "command": frozenset[str](),
    "nohup": frozenset[str](),
    "xargs": frozenset({"-n", "-I", "-P", "-L"}),
    "retry": frozenset({"-n", "-t", "-d"}),
}


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command.

    Attributes:
        assignments: variables set in front of it; alone, they hold for the rest of the script.
        words: the program and its arguments, without quotes; `$` and `${{ }}` as written.
        offset: where it begins in the script.
        tested: it is the condition of an `if` or the like, so its failure ends nothing.
        following: the separator behind it: `||`, `|`, `&&`, `;`, a line end, or none.
        fallback: the words of the command behind `||`.
    """

    assignments: dict[str, str]
    words: tuple[str, ...]
    offset: int
    tested: bool = False
    following: str = ""
    fallback: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """The last part of the program's path; empty: there are only assignments."""
        return self.words[0].rpartition("/")[2] if self.words else ""


@dataclass(slots=True)
class _Word:
    text: str
    offset: int
    separator: bool = False


@lru_cache(maxsize=4096)
def commands(script: str) -> tuple[Command, ...]:
    """Return the simple commands of a script, in their order."""
    found: list[Command] = []
    words: list[_Word] = []
    for word in [*_words(script), _Word("", len(script), separator=True)]:
        if not word.separator:
            words.append(word)
            continue
        if words:
            found.append(_command(words, word.text))
            words = []
    found = [each for each in found if each.words or each.assignments]  # no lone `fi`
    return tuple(_with_fallback(each, found[i + 1 : i + 2]) for i, each in enumerate(found))


def _with_fallback(command: Command, rest: list[Command]) -> Command:
    if command.following != "||" or not rest:
        return command
    return Command(
        command.assignments,
        command.words,
        command.offset,
        tested=command.tested,
        following=command.following,
        fallback=rest[0].words,
    )


def _command(words: list[_Word], following: str) -> Command:
    offset, tested = words[0].offset, False
    texts = [word.text for word in words]
    while texts and texts[0] in _KEYWORDS:
        tested = tested or texts[0] in _TESTS
        texts.pop(0)
    assignments: dict[str, str] = {}
    if texts and texts[0] in {"export", "readonly", "local", "declare"}:
        texts = [text for text in texts[1:] if not text.startswith("-")]
    texts = _without_runners(_without_assignments(texts, assignments), assignments)
    return Command(assignments, tuple(texts), offset, tested=tested, following=following)


def _without_assignments(texts: list[str], into: dict[str, str]) -> list[str]:
    while texts and _ASSIGNMENT.match(texts[0]):
        name, _, value = texts[0].partition("=")
        into[name.rstrip("+")] = value
        texts = texts[1:]
    return texts


def _without_runners(texts: list[str], assignments: dict[str, str]) -> list[str]:
    """Step over `sudo -u x`, `env A=b`, `timeout 5m` and the like."""
    while texts and (runner := texts[0].rpartition("/")[2]) in _RUNNERS and len(texts) > 1:
        texts = texts[1:]
        while texts and texts[0].startswith("-"):
            texts = texts[2 if texts[0] in _RUNNERS[runner] else 1 :]
        if runner == "timeout":
            texts = texts[1:]
        texts = _without_assignments(texts, assignments)
    return texts


# ---------------------------------------------------------------- words


def _words(script: str) -> Iterator[_Word]:
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
            yield _Word(separator, position, separator=True)
            position += len(separator)
            if separator == "\n":
                position = _behind_bodies(script, position, bodies)
                bodies = []
        else:
            start = position
            text, position = _word(script, position)
            yield _Word(text, start)


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
    if character == "\\":
        kept = script[position + 1 : position + 2]
        return ("" if kept == "\n" else kept), position + 2
    if character == "$":
        return _expansion(script, position)
    return character, position + 1


def _double_quoted(script: str, position: int) -> tuple[str, int]:
    pieces: list[str] = []
    while position < len(script) and script[position] != '"':
        if script[position] == "\\":
            kept = script[position + 1 : position + 2]
            pieces.append("" if kept == "\n" else kept)
            position += 2
        elif script[position] == "$":
            piece, position = _expansion(script, position)
            pieces.append(piece)
        else:
            pieces.append(script[position])
            position += 1
    return "".join(pieces), position + 1


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


# ---------------------------------------------------------------- variables

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

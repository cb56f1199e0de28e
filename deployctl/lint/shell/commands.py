"""The simple commands of a script."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from deployctl.lint.shell.words import Word, words_of

_KEYWORDS = frozenset(
    {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "!", "{", "}"}
)
_TESTS = frozenset({"if", "elif", "while", "until", "!"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
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
class ShellCommand:
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
    tested: bool
    following: str
    fallback: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """The last part of the program's path; empty: there are only assignments."""
        return self.words[0].rpartition("/")[2] if self.words else ""


@lru_cache(maxsize=4096)
def commands(script: str) -> tuple[ShellCommand, ...]:
    """Return the simple commands of a script, in their order."""
    found: list[ShellCommand] = []
    words: list[Word] = []
    for word in [*words_of(script), Word("", len(script), separator=True)]:
        if not word.separator:
            words.append(word)
            continue
        if words:
            found.append(_command(words, word.text))
            words = []
    found = [each for each in found if each.words or each.assignments]  # no lone `fi`
    return tuple(_with_fallback(each, found[i + 1 : i + 2]) for i, each in enumerate(found))


def _with_fallback(command: ShellCommand, rest: list[ShellCommand]) -> ShellCommand:
    if command.following != "||" or not rest:
        return command
    return replace(command, fallback=rest[0].words)


def _command(words: list[Word], following: str) -> ShellCommand:
    texts = [word.text for word in words]
    tested = False
    while texts and texts[0] in _KEYWORDS:
        tested = tested or texts[0] in _TESTS
        texts.pop(0)
    if texts and texts[0] in {"export", "readonly", "local", "declare"}:
        texts = [text for text in texts[1:] if not text.startswith("-")]
    assignments, texts = _split(texts)
    return ShellCommand(assignments, tuple(texts), words[0].offset, tested, following)


def _split(texts: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return what is set in front of a command, and the command that is run in the end."""
    assignments: dict[str, str] = {}
    while texts:
        if _ASSIGNMENT.match(texts[0]):
            name, _, value = texts[0].partition("=")
            assignments[name.rstrip("+")] = value
            texts = texts[1:]
        elif texts[0].rpartition("/")[2] in _RUNNERS and len(texts) > 1:
            texts = _without_runner(texts)
        else:
            break
    return assignments, texts


def _without_runner(texts: list[str]) -> list[str]:
    """Step over `sudo -u x`, `env`, `timeout 5m` and the like."""
    runner, *texts = texts
    runner = runner.rpartition("/")[2]
    while texts and texts[0].startswith("-"):
        texts = texts[2 if texts[0] in _RUNNERS[runner] else 1 :]
    return texts[1:] if runner == "timeout" else texts

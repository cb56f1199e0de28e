"""The one place that makes foreign text harmless.

What comes from a host (labels, log lines, names in a history) is written by others. It must not
move the cursor, recolour the terminal, reorder what is read or give orders to a workflow runner.
Markdown and the runner's commands have escapes of their own on top of this: see `github`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 2000
"""Characters of one piece of text that are shown, unless a caller asks for another number."""

LONGEST_NAME = 200
"""Characters that are shown of what is usually a word: a name, a tag, an id."""

_MOST_LINES = 200

# Whole sequences vanish (a coloured log line reads as if it had no colour). Each class excludes
# what starts a sequence, so that no input makes the search quadratic.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9b-\x9f\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]+[0-~]"  # character sets
    r"|\x1b[0-OQ-WYZ\\`-~]"  # single functions
)
_BEGINNINGS = re.compile(r"[\x1b\x90\x98\x9b\x9d-\x9f]")
# Change nothing but how the character before them looks.
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Printable for Python, invisible on a screen; some comparisons skip them.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")


def without_sequences(text: str) -> str:
    """Return text without escape sequences, and without what begins one that never ends."""
    return text if text.isprintable() else _BEGINNINGS.sub("", _SEQUENCES.sub("", text))


def safe(text: str, *, limit: int = LONGEST, newlines: bool = False) -> str:
    r"""Return text that is harmless on a terminal and in a workflow's log.

    Escape sequences vanish; other characters that are not printable (control characters, bidi
    overrides, zero-width ones, lone surrogates) are written as `\x07` or `\u202e`. A runner obeys
    `##[command]` anywhere in a line, so that is taken apart; for `::command`, which counts only
    at the beginning of a line, see `disarm`.

    Args:
        text: anything.
        limit: how many characters are kept; how many there were is said behind them.
        newlines: keep line ends (as "\n"); otherwise they become spaces.
    """
    if len(text) <= limit and text.isprintable() and text.isascii() and "##[" not in text:
        return text
    kept = _SEQUENCES.sub("", text[:limit].replace("\r\n", "\n").replace("\t", "    "))
    kept = _VARIATION_SELECTORS.sub("", kept)
    if not newlines:
        kept = kept.rstrip("\n").replace("\n", " ")
    kept = "".join(map(_visible, kept)).replace("##[", "## [")
    if len(text) > limit or len(kept) > 2 * limit:
        return f"{kept[: 2 * limit]}… ({len(text)} characters)"
    return kept


def _visible(character: str) -> str:
    if character == "\n" or (character.isprintable() and character not in _INVISIBLE):
        return character
    if character.isspace() and ord(character) > 0x7F and character not in "\x85\u2028\u2029":  # noqa: PLR2004 - ASCII ends there
        return " "  # a no-break space and its like
    return (
        character.encode("ascii", "backslashreplace").decode()
        if character > "\x7f"
        else (f"\\x{ord(character):02x}")
    )


def safe_lines(text: str, *, limit: int = LONGEST, most: int = _MOST_LINES) -> list[str]:
    """Return the lines of a text, each safe; what is beyond `most` lines is only counted."""
    lines = safe(text.rstrip("\r\n"), limit=limit, newlines=True).split("\n")
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"… ({len(lines) - most} more lines)"]


def last_lines(texts: Sequence[str]) -> list[str]:
    """Return the lines of several texts, each safe; of too many the last ones.

    The last lines of a container's log say why it ended.
    """
    return [line for text in texts[-_MOST_LINES:] for line in safe_lines(text)][-_MOST_LINES:]


def disarm(line: str) -> str:
    """Return a line, as long as before, that no workflow runner takes for a command.

    A runner looks for `::` behind leading white space
    (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
    """
    start = len(line) - len(line.lstrip())
    return f"{line[:start]}: {line[start + 2 :]}" if line.startswith("::", start) else line

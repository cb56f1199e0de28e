"""Pure text helpers: hostile text made harmless, times, durations, ids and columns.

What comes from a host (labels, log lines, names in a history) is written by others. It must not
move the cursor, recolour the terminal, reorder what is read or give orders to a workflow runner.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

LONGEST = 2000
"""Characters of one piece of text that are shown, unless a caller asks for another number."""

NOTHING = "-"
"""Stands in a column where there is nothing to show."""

UNKNOWN = "unknown"
"""Stands for a time that cannot be: of the year 1, say."""

_SHORT_ID = 12
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MONTHS = 60 * _DAY
_JUST_NOW = 5
_KILO, _TWO_DIGITS = 1000, 10
_LONGEST_TIMESTAMP = 40
_NEVER = "0001-01-01T00:00:00Z"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", re.ASCII)

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


def safe_lines(text: str, *, limit: int = LONGEST, most: int = 200) -> list[str]:
    """Return the lines of a text, each safe; what is beyond `most` lines is only counted."""
    lines = safe(text.rstrip("\r\n"), limit=limit, newlines=True).split("\n")
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"… ({len(lines) - most} more lines)"]


def disarm(line: str) -> str:
    """Return a line, as long as before, that no workflow runner takes for a command.

    A runner looks for `::` behind leading white space
    (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
    """
    start = len(line) - len(line.lstrip())
    return f"{line[:start]}: {line[start + 2 :]}" if line.startswith("::", start) else line


# ---------------------------------------------------------------- times, durations, ids


def moment(at: str) -> datetime | None:
    """Read an RFC 3339 timestamp; None: it is none, or none that can be, like docker's "never"."""
    from deployctl.moments import read_moment

    return read_moment(at) if at else None


def stamp(at: str) -> str:
    """Return a timestamp as `2025-11-23T04:21:00Z`; what is none, harmlessly as it is."""
    read = moment(at)
    return read.strftime("%Y-%m-%dT%H:%M:%SZ") if read else _no_time(at)


def ago(at: str, now: datetime) -> str:
    """Return how long ago something was: "3 min ago".

    Args:
        at: RFC 3339; anything else is shown harmlessly as it is.
        now: aware.
    """
    read = moment(at)
    if read is None:
        return _no_time(at)
    seconds = (now - read).total_seconds()
    if abs(seconds) < _JUST_NOW:
        return "just now"
    if abs(seconds) >= _MONTHS:
        return read.strftime("%Y-%m-%d")
    # The host's clock may be ahead of ours.
    return f"{_span(seconds)} ago" if seconds > 0 else f"in {_span(-seconds)}"


def _no_time(at: str) -> str:
    if not at or at.startswith(_NEVER):
        return NOTHING
    return UNKNOWN if _DATE.match(at) else safe(at, limit=_LONGEST_TIMESTAMP)


def _span(seconds: float) -> str:
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s"


def duration(seconds: float) -> str:
    """Return a duration for people: "4.2 s", "1 min 05 s", "2 h 03 min"."""
    if not math.isfinite(seconds) or seconds < 0:
        return "?"
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def size(count: int) -> str:
    """Return a number of bytes for people, in docker's units: "340 MB", "1.2 GB"."""
    number, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if round(number) < _KILO:
            break
        number, unit = number / _KILO, larger
    whole = unit == "B" or round(number, 1) >= _TWO_DIGITS
    return f"{number:.0f} {unit}" if whole else f"{number:.1f} {unit}"


def short_id(identifier: str) -> str:
    """Return the first twelve digits of an id or digest, as docker shortens them."""
    return safe(identifier.removeprefix("sha256:"), limit=64)[:_SHORT_ID] or NOTHING


def plural(count: int, one: str, many: str = "") -> str:
    """Return "1 container" or "3 containers"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


# ---------------------------------------------------------------- columns


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

"""Times, durations, sizes, ids and counts as people read them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from deployctl.release.moments import read_moment
from deployctl.render.harmless import safe

if TYPE_CHECKING:
    from datetime import datetime

NOTHING = "-"
"""Stands where there is nothing to show."""

_SHORT_ID = 12
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MONTHS = 60 * _DAY
_JUST_NOW = 5
_KILO, _TWO_DIGITS = 1000, 10
_LONGEST_TIMESTAMP = 40
_NEVER = "0001-01-01T00:00:00Z"  # as docker writes it
_IMPOSSIBLE = "unknown"  # of a time in the year 1, say
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", re.ASCII)


def stamp(at: str) -> str:
    """Return a timestamp as `2025-11-23T04:21:00Z`; what is none, harmlessly as it is."""
    read = read_moment(at)
    return read.strftime("%Y-%m-%dT%H:%M:%SZ") if read else _no_time(at)


def ago(at: str, now: datetime) -> str:
    """Return how long ago something was: "3 min ago".

    Args:
        at: RFC 3339; anything else is shown harmlessly as it is.
        now: aware.
    """
    read = read_moment(at)
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
    return _IMPOSSIBLE if _DATE.match(at) else safe(at, limit=_LONGEST_TIMESTAMP)


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


def plural(count: int, one: str) -> str:
    """Return "1 container" or "3 containers"."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"

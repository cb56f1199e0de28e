"""Times that a host tells. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST_YEAR, _LAST_YEAR = 1970, 9998
"""Of what can be a time of a host: beyond them, arithmetic and formats of dates break, too."""


def read_moment(text: str) -> datetime | None:
    """Return an RFC 3339 timestamp in UTC; None: it is none, or no time that a host can have."""
    try:
        read = datetime.fromisoformat(text)
        read = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return read if _FIRST_YEAR <= read.year <= _LAST_YEAR else None

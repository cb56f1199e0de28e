"""Foreign text in a message, so that it reads as what somebody wrote. Pure.

What a message is shown on makes it harmless once more: see `render.harmless`.
"""

from __future__ import annotations

_SHOWN = 60  # characters


def shown(text: str) -> str:
    """Return hostile text as one short, quoted, printable piece for a message."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return ascii(cut) if len(text) <= _SHOWN else f"{cut!a} ({len(text)} characters)"


def shown_name(text: str) -> str:
    """Return what should be a plain name for a message: as it is if it is one, else quoted."""
    return (
        text if text.isascii() and text.replace("-", "").replace("_", "").isalnum() else shown(text)
    )


def escaped(text: str) -> str:
    """Return `text` with everything unprintable (controls, bidi marks, newlines) escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )

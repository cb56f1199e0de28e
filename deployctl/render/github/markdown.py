"""Pure Markdown helpers: whatever a host says stays text, in a cell, a code span or a fence.

GitHub renders a step summary for everybody who may read the repository. Text of others must not
become a link, an image, a heading or the end of a table there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from deployctl.render.harmless import LONGEST, disarm, safe

# Everything else that is ASCII and no letter or digit has a meaning to Markdown somewhere.
_INERT = frozenset(" ,/'(")
# Inside backticks these are themselves; no pipe, so that a table's row stays whole.
_PLAIN_CODE = re.compile(r"[A-Za-z0-9:._/@=+-]+(?: [A-Za-z0-9:._/@=+-]+)*")
_NOTHING = "–"  # noqa: RUF001 - a dash in an otherwise empty cell
_SHORTEST_FENCE = 3


def escape(text: str, *, limit: int = LONGEST) -> str:
    """Return text of one line that Markdown shows as it is.

    Punctuation becomes numeric character references: by the rules of CommonMark those never
    start or end a construct, wherever they stand.

    Args:
        text: anything.
        limit: how many characters are kept.
    """
    return "".join(map(_inert, safe(text, limit=limit)))


def _inert(character: str) -> str:
    if character in _INERT or character.isalnum() or not character.isascii():
        return character
    return f"&#{ord(character)};"


def code(text: str, *, limit: int = LONGEST) -> str:
    """Return text in the type of code; a dash where there is none."""
    if not text:
        return _NOTHING
    if len(text) <= limit and _PLAIN_CODE.fullmatch(text):
        return f"`{text}`"
    return f"<code>{escape(text, limit=limit)}</code>"


def fence(lines: Sequence[str], language: str = "text") -> str:
    """Return a block of code that none of its lines can end.

    Args:
        lines: harmless already, without line ends.
        language: for the colours.
    """
    runs = (len(run) for line in lines for run in re.findall("`+", line))
    bar = "`" * max(_SHORTEST_FENCE, max(runs, default=0) + 1)
    # Somebody may print the summary into the log, where a line can be a command.
    return "\n".join([f"{bar}{language}", *map(disarm, lines), bar, ""])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

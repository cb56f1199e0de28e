"""Details below a table's row: a name, and a text that is wrapped but never cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.render.terminal import DIM
from deployctl.render.text import columns, pad, wrap

if TYPE_CHECKING:
    from deployctl.render.terminal import Page

_INDENT = "  "
_NAMES = len("rollback to")
_START = len(_INDENT) + _NAMES + len("  ")


def detail(page: Page, name: str, text: str, style: str = "") -> None:
    """Write one detail; on a terminal it keeps to the width.

    Args:
        page: where to.
        name: what it is; eleven characters at most.
        text: harmless already.
        style: of the text.
    """
    head = f"{_INDENT}{pad(name, _NAMES)}  "
    if page.width is None or _START + columns(text) <= page.width:
        page.line((head, DIM), (text, style))
        return
    start = _start(text, page.width)
    lines = wrap(text, page.width - start)
    if start < _START:  # a digest: below its name it fits, and can be copied as a whole
        page.line((head.rstrip(), DIM))
    else:
        page.line((head, DIM), (lines.pop(0), style))
    for line in lines:
        page.line(" " * start, (line, style))


def _start(text: str, width: int) -> int:
    longest = max(map(columns, text.split(" ")))
    return len(_INDENT) * 2 if longest > width - _START else _START

"""Details below a table's row: a name, and a text that is wrapped but never cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.render.terminal.columns import pad
from deployctl.render.terminal.hint_lines import write_hint
from deployctl.render.terminal.page import DIM

if TYPE_CHECKING:
    from deployctl.render.terminal.page import Page

_INDENT = "  "
_NAMES = len("rollback to")
START = len(_INDENT) + _NAMES + len("  ")


def detail(page: Page, name: str, text: str, style: str = "", *, hang: int = 0) -> None:
    """Write one detail; on a terminal it keeps to the width.

    Args:
        page: where to.
        name: what it is; eleven characters at most.
        text: harmless already.
        style: of the text.
        hang: columns by which the text's further lines stand further in: the width of its mark.
    """
    head = (f"{_INDENT}{pad(name, _NAMES)}  ", DIM)
    page.text(head, (text, style), indent=START + hang)


def next_step(page: Page, hint: str) -> None:
    """Write what to do next; its commands stay whole."""
    write_hint(page, (f"{_INDENT}{pad('next', _NAMES)}  ", DIM), hint, indent=START)

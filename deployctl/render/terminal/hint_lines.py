"""What to do next: its commands stand whole, each on a line of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.render.hint import Hint
from deployctl.render.terminal.columns import columns

if TYPE_CHECKING:
    from deployctl.render.terminal.page import Page
    from deployctl.render.terminal.wrapping import Piece


def write_hint(page: Page, head: Piece, text: str, *, indent: int) -> None:
    """Write a hint behind its head: prose is wrapped, commands stay whole.

    Args:
        page: where to.
        head: "next: ", say.
        text: as it came; empty: nothing is written.
        indent: columns in front of what follows the first line.
    """
    if not text.strip():
        return
    prose, commands = Hint.of(text)
    width = columns(head if isinstance(head, str) else head[0])
    if prose:
        page.text(head, prose, indent=indent)
    elif len(commands) == 1 and _fits(page, commands[0], width):
        page.line(head, commands[0])
        return
    else:
        page.line(head)
    for command in commands:
        page.line(" " * (indent if _fits(page, command, indent) else 2), command)


def _fits(page: Page, command: str, indent: int) -> bool:
    return page.width is None or columns(command) <= page.width - indent

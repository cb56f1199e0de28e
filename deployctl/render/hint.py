"""What to do next, so that its commands can be copied: each whole, on a line of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from deployctl.render.text import columns, safe_lines

if TYPE_CHECKING:
    from deployctl.render.terminal import Page, Piece

_COMMAND = re.compile(r"deployctl( [^\s;,()]+)+")


class Hint(NamedTuple):
    """A hint, taken apart.

    Attributes:
        prose: to be read; empty where the commands say it all.
        commands: to be copied.
    """

    prose: str
    commands: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Hint:
        """Take a hint apart as errors.DeployctlError has it: prose, and a line for each command.

        A single line that is nothing but a command of deployctl is one, too.
        """
        first, *more = safe_lines(text)
        commands = [line.strip() for line in more if line.strip()]
        if _COMMAND.fullmatch(first):
            return cls("", (first, *commands))
        return cls(first, tuple(commands))


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
    if prose:
        page.text(head, prose, indent=indent)
    elif len(commands) == 1 and _fits(page, commands[0], _width(head)):
        page.line(head, commands[0])
        return
    else:
        page.line(head)
    for command in commands:
        page.line(" " * (indent if _fits(page, command, indent) else 2), command)


def _width(head: Piece) -> int:
    return columns(head if isinstance(head, str) else head[0])


def _fits(page: Page, command: str, indent: int) -> bool:
    return page.width is None or columns(command) <= page.width - indent

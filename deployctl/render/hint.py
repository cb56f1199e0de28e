"""What to do next, taken apart so that its commands can be copied."""

from __future__ import annotations

import re
from typing import NamedTuple

from deployctl.render.harmless import safe_lines

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

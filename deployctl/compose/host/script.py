"""A host script as a command. Pure, but for reading the script.

The scripts are package data, joined from their parts and sent byte for byte; every
value travels as an argument.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from deployctl.command import Command

_HERE = Path(__file__).parent
# Functions that scripts share; they are sent in front.
_PARTS = {
    "probe.sh": ("env_file.sh", "lock.sh"),
    "transact.sh": ("env_file.sh", "private.sh", "lock.sh"),
    "hold.sh": ("private.sh", "lock.sh"),
    "check.sh": ("private.sh", "lock.sh"),
}


def command(name: str, *words: str) -> Command:
    """Return the command that runs a script with these arguments."""
    return Command(("sh", "-c", script_text(name), "deployctl", *words))


def command_with_its_text(name: str, *words: str) -> Command:
    """Return the same for a script that gets its own text first, to start a part of itself."""
    return Command(("sh", "-c", 'eval "$1"', "deployctl", script_text(name), *words))


@cache
def script_text(name: str) -> str:
    """Return a script as it is sent."""
    files = (*_PARTS.get(name, ()), name)
    return "".join((_HERE / file).read_text(encoding="utf-8") for file in files)

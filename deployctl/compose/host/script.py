"""A host script as a command. Pure, but for reading the script.

The scripts are package data, joined from their parts and sent byte for byte; every
value travels as an argument.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from deployctl.ssh.command import Command

_HERE = Path(__file__).parent
# What each script is joined from, in this order: functions, and in the last one the call of main.
FILES = {
    "probe.sh": ("prelude.sh", "env_file.sh", "lock.sh", "probe.sh"),
    "fetch.sh": ("prelude.sh", "fetch.sh"),
    "transact.sh": (
        *("prelude.sh", "env_file.sh", "private.sh", "lock.sh"),
        *("transaction/begin.sh", "transaction/follow.sh", "transaction/change.sh"),
        "transaction/dependencies.sh",
        *("transaction/docker.sh", "transaction/containers.sh", "transaction/health.sh"),
        *("transaction/restore.sh", "transaction/guard.sh", "transaction/abort.sh"),
        *("transaction/persist.sh", "transaction/record.sh", "transaction/prune.sh"),
        *("transaction/events.sh", "transaction/clock.sh", "transact.sh"),
    ),
    "hold.sh": ("prelude.sh", "private.sh", "lock.sh", "hold.sh"),
    "check.sh": ("prelude.sh", "private.sh", "lock.sh", "check.sh"),
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
    return "".join((_HERE / file).read_text(encoding="utf-8") for file in FILES[name])

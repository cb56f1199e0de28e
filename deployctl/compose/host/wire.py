"""How a script prints what it found: a fact in each line, as a JSON object. Pure.

What a command or a file on the host said travels in it as base64. Nothing in it is trusted: a line
that is not what the script prints is an error of the host, never a crash.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from deployctl.compose.script_output import ScriptOutput
from deployctl.errors import HostError
from deployctl.release.foreign_json import json_object

Fact: TypeAlias = Mapping[str, Any]
Facts: TypeAlias = Mapping[str, Fact]
"""By name; of those of one name, the last."""


def read_facts(output: bytes) -> Facts:
    """Return the facts that a script printed.

    Raises:
        HostError: a line is not what the scripts print.
    """
    return {str(fact.get("fact")): fact for fact in map(read_object, output.splitlines())}


def output_of(facts: Facts, name: str, *, required: bool = False) -> ScriptOutput:
    """Return what the command of a fact printed; of one that is not there, nothing.

    Raises:
        HostError: the fact is none of a command, or is required and not there.
    """
    fact = facts.get(name)
    if fact is None:
        if required:
            raise garbled(f"the answer about {name} is missing")
        return ScriptOutput(b"", 0)
    return ScriptOutput(decode(fact.get("output")), integer(fact, "status"))


def read_object(line: bytes) -> Fact:
    """Return the JSON object of a line.

    Raises:
        HostError: it is none.
    """
    try:
        return json_object(line)
    except ValueError as why:
        raise garbled(f"a line is {why}") from None


def decode(text: object) -> bytes:
    """Return the bytes of a base64 field.

    Raises:
        HostError: it is no base64 text.
    """
    if not isinstance(text, str):
        raise garbled("a field is no text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise garbled("a field is not base64") from None


def string(value: Fact, key: str) -> str:
    """Return a text.

    Raises:
        HostError: it is none.
    """
    text = value.get(key)
    if not isinstance(text, str):
        raise garbled(f"{key} is no text")
    return text


def integer(value: Fact, key: str) -> int:
    """Return a number.

    Raises:
        HostError: it is none.
    """
    number = value.get(key)
    if not isinstance(number, int):
        raise garbled(f"{key} is no number")
    return number


def lines(data: bytes) -> tuple[str, ...]:
    """Return the lines of what a host said, as text."""
    return tuple(data.decode("utf-8", "replace").splitlines())


def strings(value: object) -> tuple[str, ...]:
    """Return the texts of a list; none of anything else."""
    return tuple(map(str, value)) if isinstance(value, list) else ()


def is_number(text: str) -> bool:
    """Whether a text is a number that a program on the host can have printed."""
    return re.fullmatch("[0-9]{1,18}", text) is not None


def free_kib(output: ScriptOutput) -> int | None:
    """Return the free space that `df -Pk` tells: the fourth column of its last line."""
    columns = output.lines[-1].split() if output.lines else []
    if output.status != 0 or len(columns) < len(("device", "size", "used", "free")):
        return None
    return int(columns[3]) if is_number(columns[3]) else None


def garbled(why: str) -> HostError:
    """Return the error for an answer that is not what a script prints."""
    return HostError(
        "host-garbled",
        f"the host's answer cannot be understood: {why}",
        hint="a login script (.bashrc, /etc/profile.d) that prints text can cause this; "
        "see it with:\nssh USER@HOST true",
    )

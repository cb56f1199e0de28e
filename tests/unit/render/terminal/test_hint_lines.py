"""Hints: prose, and commands that can be copied."""

from __future__ import annotations

import io

from deployctl.render.terminal.hint_lines import write_hint
from deployctl.render.terminal.page import BOLD, Page
from tests.unit.render.samples import Terminal

COMMAND = "deployctl rollback enforcer-backend sha-1a2b3c4"


def hinted(text: str, *, width: int, stream: io.StringIO | None = None) -> list[str]:
    out = stream or Terminal()
    write_hint(Page(out, color=False, width=width), ("next: ", BOLD), text, indent=6)
    return out.getvalue().splitlines()


def test_a_command_is_never_broken_and_stands_alone_where_it_does_not_fit() -> None:
    assert hinted(COMMAND, width=60) == [f"next: {COMMAND}"]
    assert hinted(COMMAND, width=50) == ["next: ", f"  {COMMAND}"]
    assert hinted(COMMAND, width=30) == ["next: ", f"  {COMMAND}"]
    assert hinted(f"to go further back than to this:\n{COMMAND}", width=30) == [
        "next: to go further back than",
        "      to this:",
        f"  {COMMAND}",
    ]


def test_commands_stand_on_lines_of_their_own_in_a_pipe_too() -> None:
    assert hinted(f"to go further back:\n{COMMAND}", width=20, stream=io.StringIO()) == [
        "next: to go further back:",
        f"      {COMMAND}",
    ]


def test_an_empty_hint_writes_nothing() -> None:
    assert hinted(" \n", width=60) == []

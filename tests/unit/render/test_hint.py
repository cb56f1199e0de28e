"""Hints are prose, and commands that can be copied."""

from __future__ import annotations

import pytest

from deployctl.render.hint import Hint

COMMAND = "deployctl rollback enforcer-backend sha-1a2b3c4"


@pytest.mark.parametrize(
    ("text", "prose", "commands"),
    [
        ("run the command again", "run the command again", ()),
        (COMMAND, "", (COMMAND,)),
        (f"to go further back:\n{COMMAND}", "to go further back:", (COMMAND,)),
        ("as root:\n  a b\n\n  c d\n", "as root:", ("a b", "c d")),
        (f"{COMMAND}; then deploy again", f"{COMMAND}; then deploy again", ()),
        ("deployctl status (it is fast)", "deployctl status (it is fast)", ()),
    ],
)
def test_a_hint_is_prose_and_a_line_for_each_command(
    text: str, prose: str, commands: tuple[str, ...]
) -> None:
    assert Hint.of(text) == (prose, commands)

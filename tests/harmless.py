"""What a terminal or a workflow's log may get of text that is meant to do harm."""

from __future__ import annotations

import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def assert_harmless(text: str) -> None:
    """Assert that a text has no control characters, workflow commands or tracebacks."""
    assert CONTROL.search(text) is None, ascii(text)
    for line in text.splitlines():
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line
    assert "Traceback" not in text

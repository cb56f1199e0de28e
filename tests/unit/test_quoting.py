"""Foreign text in a message is printable, short, and recognised as foreign."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.quoting import escaped, shown, shown_name


@given(st.text())
def test_hostile_text_is_shown_as_printable_ascii(text: str) -> None:
    said = shown(text)
    assert said.isprintable()
    assert said.replace("…", "").replace("\\u2026", "").isascii()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sam", "sam"),
        ("web-1_a", "web-1_a"),
        ("sam kim", "'sam kim'"),
        ("\u0441am", "'\\u0441am'"),
        ("", "''"),
        ("a" * 70, "a" * 70),
        ("b " * 35, f"'{'b ' * 30}\\u2026' (70 characters)"),
    ],
)
def test_what_is_a_plain_name_stays_as_it_is_and_all_else_is_quoted(text: str, said: str) -> None:
    assert shown_name(text) == said


@given(st.text())
def test_escaped_text_is_printable_and_what_was_printable_stays(text: str) -> None:
    said = escaped(text)

    assert said.isprintable()
    assert said == text or not text.isprintable()

"""Whatever a host says is harmless once it is shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.harmless import disarm, safe, safe_lines
from tests.unit.render.samples import hostile


@given(hostile)
def test_safe_text_is_printable_and_on_one_line(text: str) -> None:
    assert safe(text).isprintable()


@given(hostile)
def test_safe_text_keeps_line_ends_only_where_asked(text: str) -> None:
    assert safe(text, newlines=True).replace("\n", "").isprintable()


@given(hostile)
def test_safe_text_has_no_order_for_a_workflow_runner(text: str) -> None:
    assert "##[" not in safe(text)
    assert not disarm(safe(text)).lstrip().startswith("::")


@given(hostile, st.integers(min_value=0, max_value=500))
def test_safe_text_is_short(text: str, limit: int) -> None:
    assert len(safe(text, limit=limit)) <= 2 * limit + 40


@given(hostile)
def test_safe_text_stays_as_it_is(text: str) -> None:
    once = safe(text)
    assert len(once) > 2000 or safe(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, with [red] and [/opt/infra] and :boom:", None),
        ("café 漢字 🎉", None),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[38:2::1:2:3mred\x1b[m", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("\x1bcreset", "reset"),
        ("\x1b(Bset", "set"),
        ("\x1b]0;never ends", "\\x1b]0;never ends"),
        ("\x1b[\x1b[0m31m", "\\x1b[31m"),
        ("a\x00b\x07c\x7fd\x85e", "a\\x00b\\x07c\\x7fd\\x85e"),
        ("over\rwritten", "over\\x0dwritten"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("a\u00a0b\u3000c", "a b c"),
        ("a\tb", "a    b"),
        ("one\r\ntwo\nthree\n", "one two three"),
        ("##[error]x", "## [error]x"),
        ("#\ufe0f#[error]x", "## [error]x"),
        ("#\u200b#[error]x", "#\\u200b#[error]x"),
        ("#\u034f#[error]x", "#\\u034f#[error]x"),
    ],
)
def test_safe_text_reads_like_this(text: str, expected: str | None) -> None:
    assert safe(text) == (text if expected is None else expected)


def test_safe_text_that_was_cut_says_how_long_it_was() -> None:
    assert safe("x" * 50, limit=10) == "xxxxxxxxxx… (50 characters)"


@pytest.mark.parametrize("piece", ["\x1b]", "\x9d", "\x1b[", "\x90", "\x1b]0;"])
def test_megabytes_take_no_time(piece: str) -> None:
    text = piece * 2_000_000
    began = time.process_time()
    safe(text, limit=50_000)
    assert time.process_time() - began < 1


def test_lines_are_split_and_counted() -> None:
    assert safe_lines("a\r\nb\n") == ["a", "b"]
    assert safe_lines("a\nb\nc\nd", most=2) == ["a", "b", "… (2 more lines)"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("::error::x", ": error::x"),
        ("  ::error::x", "  : error::x"),
        (":::x", ": :x"),
        ("a ::b", "a ::b"),
        ("", ""),
    ],
)
def test_a_disarmed_line_does_not_begin_like_a_command(line: str, expected: str) -> None:
    assert disarm(line) == expected

"""Hostile text is made harmless; times, durations and columns read well."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.text import (
    ago,
    columns,
    cut,
    disarm,
    duration,
    pad,
    plural,
    safe,
    safe_lines,
    short_id,
    size,
    stamp,
)
from tests.unit.render_samples import NOW, hostile


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
    began = time.perf_counter()
    safe(text, limit=50_000)
    assert time.perf_counter() - began < 1


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


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "just now"),
        (-3, "just now"),
        (42, "42 s ago"),
        (180, "3 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (86400 * 3, "3 d ago"),
        (86400 * 90, "2025-08-25"),
        (-600, "in 10 min"),
    ],
)
def test_ago_says_how_long_ago(seconds: int, expected: str) -> None:
    at = (NOW - timedelta(seconds=seconds)).isoformat()
    assert ago(at, NOW) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-11-23T11:57:00.123456789Z", "2 min ago"),
        ("2025-11-23T12:57:00+01:00", "3 min ago"),
        ("2025-11-23T11:57:00", "3 min ago"),
        ("", "-"),
        ("0001-01-01T00:00:00Z", "-"),
        ("yesterday", "yesterday"),
        ("\x1b[2J", ""),
        ("\x00", "\\x00"),
    ],
)
def test_ago_shows_a_bad_timestamp_harmlessly(at: str, expected: str) -> None:
    assert ago(at, NOW) == expected


@given(hostile, st.datetimes(timezones=st.just(UTC)))
def test_times_never_fail(at: str, now: datetime) -> None:
    assert ago(at, now).isprintable()
    assert stamp(at).isprintable()


def test_a_stamp_is_in_utc_and_whole_seconds() -> None:
    assert stamp("2025-11-23T12:57:00.9+01:00") == "2025-11-23T11:57:00Z"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (4.21, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7380, "2 h 03 min"),
        (-1, "?"),
        (float("nan"), "?"),
        (float("inf"), "?"),
    ],
)
def test_durations_read_well(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (9_960, "10 kB"),
        (340_400_000, "340 MB"),
        (999_600_000, "1.0 GB"),
        (1_240_000_000, "1.2 GB"),
        (10**15, "1000 TB"),
    ],
)
def test_sizes_read_well(count: int, expected: str) -> None:
    assert size(count) == expected


@given(st.floats())
def test_durations_never_fail(seconds: float) -> None:
    assert duration(seconds).isprintable()


def test_short_ids_are_twelve_digits() -> None:
    assert short_id("sha256:" + "ab" * 32) == "abababababab"
    assert short_id("") == "-"
    assert short_id("\x1b[2J") == "-"


def test_plurals() -> None:
    assert [plural(1, "host"), plural(2, "host"), plural(0, "entry", "entries")] == [
        "1 host",
        "2 hosts",
        "0 entries",
    ]


def test_columns_count_what_a_terminal_shows() -> None:
    assert columns("abc") == 3
    assert columns("漢字") == 4
    assert columns("e\u0301") == 1


@given(hostile, st.integers(min_value=0, max_value=60))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert columns(cut(safe(text, limit=200), width)) <= width


def test_a_cut_text_says_so() -> None:
    assert cut("enforcer-backend", 8) == "enforce…"
    assert cut("漢字漢字", 6) == "漢字…"
    assert cut("fits", 4) == "fits"


def test_padding_counts_columns() -> None:
    assert pad("漢", 4) == "漢  "
    assert pad("1", 3, right=True) == "  1"

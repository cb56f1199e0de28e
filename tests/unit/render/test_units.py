"""Times, durations, sizes and counts read well, whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.units import ago, duration, plural, short_id, size, stamp
from tests.unit.render.samples import NOW, hostile


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
    assert [plural(1, "host"), plural(2, "host"), plural(0, "host")] == [
        "1 host",
        "2 hosts",
        "0 hosts",
    ]

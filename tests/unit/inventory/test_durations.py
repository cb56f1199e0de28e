"""Durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.inventory import parse_duration
from tests.unit.inventory.documents import document, mistake


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (60, 'expected a duration such as "60s", got a number: write "60s"'),
        (1.5, 'expected a duration such as "60s", got a number'),
        (True, 'expected a duration such as "60s", got a boolean'),
        ("60", '"60" is not a duration: write "60s"'),
        ("soon", '"soon" is not a duration: write it like "60s", "2m", "1m30s" or "500ms"'),
        ("0s", '"0s" is no time at all'),
        ("25h", '"25h" is longer than a day ("24h")'),
    ],
)
def test_a_wrong_duration_is_answered_with_what_to_write(value: object, expected: str) -> None:
    found = mistake(document(service={"health_timeout": value}))
    assert found == f"services.web.health_timeout: {expected}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("60s", 60), ("1.5s", 1.5), ("2m", 120), ("1m30s", 90), ("1h1ms", 3600.001)],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1", "-1s", "1s1m", "1s 1m", "1S", "٣s", "1s\n", "1e9s"])
def test_what_is_no_duration_is_shown_and_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.integers(0, 999), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, ms: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds + ms / 1000
    assert parse_duration(f"{hours}h{minutes}m{seconds}s{ms}ms") == pytest.approx(total)

"""What docker says of a container, and what it means."""

from __future__ import annotations

import pytest

from deployctl.compose.container import recent_restarts
from tests.unit.build import NOW, container


@pytest.mark.parametrize(
    ("started_at", "recent"),
    [
        ("2025-11-23T11:59:59.123456789Z", 4),
        ("2025-11-23T11:55:00Z", 4),
        ("2025-11-23T12:00:30Z", 4),  # after the host's clock was read
        ("2025-11-23T11:54:59Z", 0),
        ("2025-07-01T12:00:00Z", 0),
        ("2027-01-01T12:00:00Z", 0),  # its clock was turned back
        ("0001-01-01T00:00:00Z", 0),
        ("yesterday", 0),
    ],
)
def test_restarts_say_something_of_today_only_if_the_last_was_a_short_while_ago(
    started_at: str, recent: int
) -> None:
    assert recent_restarts(4, started_at, NOW) == recent


def test_a_container_that_crashes_again_and_again_is_not_well_in_between() -> None:
    assert container(1, recent_restarts=2).well
    looping = container(1, recent_restarts=3)
    assert looping.up
    assert looping.crash_loops
    assert not looping.well

"""The recorded lines, and what could not be read."""

from __future__ import annotations

import io

from deployctl.errors import UsageError
from deployctl.release.results import HistoryResult
from tests.unit.render.samples import UNREACHABLE, entry
from tests.unit.render.terminal.shown import RECORDED, history_of, lines_of


def test_the_events_of_a_history_are_newest_first_and_end_with_its_problems() -> None:
    assert lines_of(history_of(RECORDED, width=100, events=True)) == [
        "SEQ  WHEN       EVENT      ACTION  TAG          BY          SECONDS  REASON",
        "  3  3 min ago  restored   deploy  sha-2b3c4d5  kim@laptop      4.2  health-timeout",
        "  2  3 min ago  succeeded  deploy  sha-1a2b3c4  kim@laptop      4.2  -",
        "  1  3 min ago  started    deploy  sha-1a2b3c4  kim@laptop      4.2  -",
        "vps: problem: line 3: not JSON",
    ]


def test_a_long_reason_stands_below_its_line_on_a_terminal() -> None:
    reason = "the container exited with status 1 before it became healthy; the old one is back"
    recorded = HistoryResult("vps", (entry(1, "restored", reason=reason),))
    assert lines_of(history_of(recorded, events=True))[2:] == [
        "  reason       the container exited with status 1 before it became healthy; the",
        "               old one is back",
    ]


def test_piped_events_have_every_column_and_one_line_each() -> None:
    text = history_of(RECORDED, HistoryResult("vps2"), out=io.StringIO(), events=True)
    assert lines_of(text) == [
        (
            "HOST  SEQ  WHEN                  EVENT      ACTION  SERVICE           TAG          "
            "BY          SECONDS  REASON"
        ),
        (
            "vps     3  2025-11-23T11:56:03Z  restored   deploy  enforcer-backend  sha-2b3c4d5  "
            "kim@laptop      4.2  health-timeout"
        ),
        (
            "vps     2  2025-11-23T11:56:02Z  succeeded  deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop      4.2  -"
        ),
        (
            "vps     1  2025-11-23T11:56:01Z  started    deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop      4.2  -"
        ),
        "vps: problem: line 3: not JSON",
        "vps2: nothing is recorded yet",
    ]


def test_an_unreachable_host_has_no_history_but_a_reason() -> None:
    text = history_of(HistoryResult("vps3", error=UNREACHABLE.error))
    assert lines_of(text) == [
        "vps3: error: vps3 (203.0.113.9:22) did not answer within 10 s",
        "vps3: next: is the host up, the address right, and the port open in its",
        "  firewall?",
    ]


def test_a_command_that_has_no_room_beside_the_name_of_its_host_stands_below_it() -> None:
    command = "deployctl status enforcer-backend"
    down = HistoryResult("production-web", error=UsageError("x", "down", hint=command))

    assert lines_of(history_of(down, width=38))[-2:] == ["production-web: next: ", f"  {command}"]

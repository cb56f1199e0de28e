"""The runs of a history: every one of which a line can be read, once, with its outcome."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.release import record
from deployctl.release.record import BROKEN, INTERRUPTED, OUTCOMES, RESTORED, STARTED
from deployctl.release.results import RecordedRun, RunOutcome, UnfinishedRun
from deployctl.release.runs import newest_first, recorded_runs
from tests.unit.build import entry, recorded, release, text

NOW = datetime(2025, 11, 4, 10, 0, 30, tzinfo=UTC)
HELD = UnfinishedRun(run="b", by="kim", action="deploy")


def runs_of(
    *lines: dict[str, Any], holder: UnfinishedRun | None = None, now: datetime = NOW
) -> list[RecordedRun]:
    return list(recorded_runs(recorded(*lines), holder, now))


def ends(*lines: dict[str, Any], holder: UnfinishedRun | None = None) -> list[tuple[str, str]]:
    return [(run.run, run.outcome.value) for run in runs_of(*lines, holder=holder)]


# ---------------------------------------------------------------- one run


@pytest.mark.parametrize("event", sorted(OUTCOMES))
def test_a_run_is_one_value_whatever_its_outcome(event: str) -> None:
    (run,) = runs_of(
        entry(1, 2, STARTED, run="a", previous=1, seconds=0),
        entry(2, 2, event, run="a", previous=1, seconds=61.5, reason="exited"),
    )

    assert (run.run, run.outcome, run.reason) == ("a", RunOutcome(event), "exited")
    assert (run.release, run.previous, run.by) == (release(2), release(1), "kim")
    assert (run.started_at, run.ended_at) == ("2025-11-02T10:00:00Z", "2025-11-03T10:00:00Z")
    # The line about one that was killed is the next run's, and so are its seconds.
    assert run.seconds == (None if event == INTERRUPTED else 61.5)


def test_a_run_that_found_its_release_running_took_no_time() -> None:
    (run,) = runs_of(entry(1, 2, run="a", unchanged=True, seconds=0.04))

    assert (run.outcome, run.unchanged, run.seconds) == (RunOutcome.SUCCEEDED, True, None)
    assert run.at == "2025-11-02T10:00:00Z"


def test_a_run_that_holds_the_lock_is_in_progress_for_as_long_as_it_has_been() -> None:
    (run,) = runs_of(entry(3, 2, STARTED, run="b"), holder=HELD)

    assert (run.outcome, run.ended_at) == (RunOutcome.IN_PROGRESS, "")
    assert run.seconds == 30


@pytest.mark.parametrize("at", ["", "soon", "0001-01-01T10:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_start_at_no_readable_time_leaves_the_duration_open(at: str) -> None:
    (run,) = runs_of(entry(3, 2, STARTED, run="b", at=at), holder=HELD)

    assert (run.outcome, run.seconds) == (RunOutcome.IN_PROGRESS, None)


def test_a_start_ahead_of_the_clock_has_taken_no_time() -> None:
    (run,) = runs_of(entry(20, 2, STARTED, run="b"), holder=HELD)
    assert run.seconds == 0


def test_a_run_whose_start_was_not_read_is_shown_by_its_outcome() -> None:
    (run,) = runs_of(entry(7, 2, RESTORED, run="a", reason="exited"))

    assert (run.started_at, run.at) == ("", "2025-11-08T10:00:00Z")
    assert (run.outcome, run.seconds) == (RunOutcome.RESTORED, 1.5)


# ---------------------------------------------------------------- without an outcome


def test_a_run_that_left_no_outcome_and_no_lock_was_interrupted() -> None:
    begun = entry(1, 2, STARTED, run="a")

    assert ends(begun) == [("a", "interrupted")]
    assert ends(begun, holder=HELD) == [("a", "interrupted")]  # another one has the lock


def test_where_the_holder_is_not_known_only_the_last_run_can_be_it() -> None:
    lines = (entry(1, 1, STARTED, run="a"), entry(2, 2, STARTED, run="b", service="other"))

    assert ends(*lines, holder=UnfinishedRun()) == [("a", "interrupted"), ("b", "in progress")]


def test_a_holder_that_has_its_outcome_is_not_in_progress() -> None:
    lines = (entry(1, 1, STARTED, run="a"), entry(2, 2, STARTED, run="b"), entry(3, 2, run="b"))

    assert ends(*lines, holder=HELD) == [("a", "interrupted"), ("b", "succeeded")]


def test_where_lines_are_missing_behind_its_start_the_outcome_is_unknown() -> None:
    lost = record.parse(text([entry(1, 1), entry(2, 2, STARTED, run="b")]) + b'{"v":1,"x"}\n')
    gone = recorded(
        entry(2, 2, STARTED, run="b"), entry(4, 3, STARTED, run="c"), entry(5, 3, run="c")
    )

    for found in (lost, gone):
        told = {run.run: run.outcome for run in recorded_runs(found, None, NOW)}
        assert told["b"] is RunOutcome.UNKNOWN
        assert {run.run: run.outcome for run in recorded_runs(found, HELD, NOW)}["b"] is (
            RunOutcome.IN_PROGRESS
        )


def test_a_gap_before_its_start_makes_no_outcome_unknown() -> None:
    assert ends(entry(1, 1), entry(5, 2, STARTED, run="b"))[-1] == ("b", "interrupted")


# ---------------------------------------------------------------- several runs


def test_the_services_of_one_run_are_a_value_each() -> None:
    lines = [
        entry(1, 1, STARTED, run="a"),
        entry(2, 1, STARTED, run="a", service="other"),
        entry(3, 1, run="a"),
        entry(4, 1, BROKEN, run="a", service="other"),
    ]

    assert [(run.service, run.outcome) for run in runs_of(*lines)] == [
        ("web", RunOutcome.SUCCEEDED),
        ("other", RunOutcome.BROKEN),
    ]


def test_repeated_lines_are_one_run_and_the_last_outcome_counts() -> None:
    begun = entry(1, 1, STARTED, run="a")

    assert ends(begun, begun, entry(2, 1, run="a"), entry(3, 1, BROKEN, run="a"), begun) == [
        ("a", "broken")
    ]


def test_the_newest_of_several_histories_is_first_and_each_keeps_its_order() -> None:
    one = runs_of(
        entry(5, 1, run="a"), entry(3, 1, run="b"), entry(9, 1, run="c")
    )  # a clock set back
    other = runs_of(entry(7, 1, run="d"))

    assert [run.run for run in newest_first([one, other])] == ["c", "d", "b", "a"]


EVENTS = st.sampled_from(sorted([STARTED, *OUTCOMES]))
LINES = st.lists(
    st.tuples(EVENTS, st.sampled_from("abc"), st.sampled_from(["web", "other"])), max_size=12
)
HOLDERS = st.none() | st.builds(UnfinishedRun, run=st.sampled_from(["", "a", "b", "z"]))
DAMAGE = st.sets(st.integers(0, 11), max_size=4)


@given(LINES, HOLDERS, DAMAGE, st.integers(0, 3000))
def test_every_run_of_which_a_line_can_be_read_is_there_once_and_its_outcome_wins(
    told: list[tuple[str, str, str]], holder: UnfinishedRun | None, damage: set[int], cut: int
) -> None:
    lines = [
        entry(seq, 1, event, run=run, service=service)
        for seq, (event, run, service) in enumerate(told, start=1)
    ]
    damaged = [
        b"\xff garbage\n" if number in damage else json.dumps(line).encode() + b"\n"
        for number, line in enumerate(lines)
    ]
    whole = b"".join(damaged)
    read = record.parse(whole[cut:], size=len(whole))

    runs = recorded_runs(read, holder, NOW)

    assert [(r.service, r.run) for r in runs] == list(
        dict.fromkeys((e.service, e.run) for e in read.entries)
    )
    for run in runs:
        own = [e.event for e in read.entries if (e.service, e.run) == (run.service, run.run)]
        outcomes = [event for event in own if event in OUTCOMES]
        if outcomes:
            assert run.outcome == outcomes[-1]
        else:
            assert run.outcome not in OUTCOMES - {INTERRUPTED}
            assert holder or run.outcome is not RunOutcome.IN_PROGRESS
    # What is missing is never missing without a word.
    assert len(read.entries) == len(lines) or read.problems or read.truncated or read.gaps


HOSTILE = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats()


@given(
    st.lists(st.dictionaries(st.sampled_from(sorted(entry(1, 1))), HOSTILE), max_size=6), HOLDERS
)
def test_no_values_in_a_history_make_it_fail(
    changes: list[dict[str, Any]], holder: UnfinishedRun | None
) -> None:
    found = recorded(*({**entry(seq, 1), **change} for seq, change in enumerate(changes, 1)))

    assert len(recorded_runs(found, holder, NOW)) <= len(found.entries)

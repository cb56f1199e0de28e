"""The runs that a history tells of: its lines folded into one value for each run. Pure.

Every run of which a line can be read is there, also one whose beginning is in a part of the file
that was not read. Of a run all of whose lines are damaged, the history's problems tell.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from datetime import datetime

from deployctl.release.moments import read_moment
from deployctl.release.record import (
    INTERRUPTED,
    OUTCOMES,
    RESTORED,
    STARTED,
    Entry,
    History,
    tag_put_back,
)
from deployctl.release.results import RecordedRun, RunOutcome, UnfinishedRun


def recorded_runs(
    history: History, holder: UnfinishedRun | None, now: datetime
) -> tuple[RecordedRun, ...]:
    """Return the runs of all services, oldest first: in the order in which the file names them.

    Args:
        history: of one state directory.
        holder: who holds the lock there; None: nobody.
        now: the host's clock.
    """
    lines: dict[tuple[str, str], list[Entry]] = {}
    for entry in history.entries:
        lines.setdefault((entry.service, entry.run), []).append(entry)
    going_on = _going_on(history, holder)
    doubtful = _doubtful(history)
    return tuple(
        _run(entries, going_on=run == going_on, doubtful=run in doubtful, now=now)
        for (_, run), entries in lines.items()
    )


def newest_first(recorded: Iterable[Sequence[RecordedRun]]) -> tuple[RecordedRun, ...]:
    """Return the runs of several histories, newest first.

    Args:
        recorded: of each, oldest first. Each keeps its order, whatever the host's clock did.
    """
    return tuple(heapq.merge(*map(reversed, recorded), key=lambda run: run.at, reverse=True))


def _going_on(history: History, holder: UnfinishedRun | None) -> str | None:
    """The id of the run that holds the lock; where it is not told, only the last can be it."""
    unfinished = history.unfinished()
    if holder is None or not unfinished:
        return None
    return holder.run or unfinished[-1].run


def _doubtful(history: History) -> frozenset[str]:
    """The runs without an outcome behind which lines are missing: one may have told it."""
    last_gap = max(history.gaps, default=0)
    starts = {entry.run: index for index, entry in enumerate(history.entries)}
    return frozenset(e.run for e in history.unfinished() if starts[e.run] < last_gap)


def _run(entries: Sequence[Entry], *, going_on: bool, doubtful: bool, now: datetime) -> RecordedRun:
    start = next((entry for entry in entries if entry.event == STARTED), None)
    end = next((entry for entry in reversed(entries) if entry.event in OUTCOMES), None)
    told = end or entries[0]
    return RecordedRun(
        run=told.run,
        service=told.service,
        action=told.action,
        release=told.release,
        previous=told.previous,
        by=told.by,
        source=told.source,
        run_url=told.run_url,
        outcome=_outcome(end, going_on=going_on, doubtful=doubtful),
        reason=told.reason,
        started_at=start.at if start else "",
        ended_at=end.at if end else "",
        seconds=_seconds(start, end, now if going_on else None),
        unchanged=told.unchanged,
        aborted_by=told.aborted_by,
        put_back=tag_put_back(told) if told.event == RESTORED else "",
    )


def _outcome(end: Entry | None, *, going_on: bool, doubtful: bool) -> RunOutcome:
    if end:
        return RunOutcome(end.event)
    if going_on:
        return RunOutcome.IN_PROGRESS
    return RunOutcome.UNKNOWN if doubtful else RunOutcome.INTERRUPTED


def _seconds(start: Entry | None, end: Entry | None, now: datetime | None) -> float | None:
    """How long it took, or takes by now; nobody knows when one that was killed came to its end.

    Where there was nothing to do, it is not the time of a deploy.
    """
    if end:
        return None if end.event == INTERRUPTED or end.unchanged else end.seconds
    if start is None or now is None:
        return None
    began = read_moment(start.at)
    return max((now - began).total_seconds(), 0.0) if began else None

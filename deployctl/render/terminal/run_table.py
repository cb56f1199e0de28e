"""The runs that hosts have recorded, as a table: a row for each, newest first."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from deployctl.compose.ending import REASONS
from deployctl.release.record import WHY_NO_OUTCOME
from deployctl.release.results import RunOutcome, UnfinishedRun
from deployctl.render.terminal.detail import detail, next_step
from deployctl.render.terminal.page import BOLD, DIM, GREEN, RED, YELLOW
from deployctl.render.terminal.table import Column, Table, cell
from deployctl.render.units import ago, duration, stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from deployctl.release.results import HistoryResult, RecordedRun
    from deployctl.render.terminal.page import Page
    from deployctl.render.terminal.table import Cell

_STYLES = {RunOutcome.SUCCEEDED: GREEN, RunOutcome.BROKEN: RED}  # others are neither
_LONGEST_REMARK = 400


def runs(page: Page, results: Sequence[HistoryResult], now: datetime) -> None:
    """Write a row for each run, and on a terminal below it why it failed or what to type.

    Args:
        page: where to.
        results: of the hosts.
        now: for "2 h ago"; aware.
    """
    of_hosts = ([(result.host, run) for run in result.runs] for result in results)
    # Each host's order is that of its file; clocks only decide between hosts.
    rows = list(heapq.merge(*of_hosts, key=lambda row: row[1].at, reverse=True))
    if not rows:
        return
    layout = _layout(
        several=len(results) > 1,
        one_service=len({run.service for _, run in rows}) == 1,
        remarks=page.width is None,
    )
    cells = [_cells(page, host, run, now) for host, run in rows]
    table = Table(page, layout, [[of_run[column.title] for column in layout] for of_run in cells])
    table.header()
    for number, (host, run) in enumerate(rows):
        table.row(number)
        if page.width is not None:
            _details(page, host, run)


def _layout(*, several: bool, one_service: bool, remarks: bool) -> list[Column]:
    columns = [
        Column("WHEN"),
        Column("OUTCOME"),
        Column("ACTION", importance=4),
        Column("SERVICE", importance=1 if one_service else 0, name=True),
        Column("TAG"),
        Column("BY", importance=3),
        Column("TOOK", importance=2, right=True),
        Column("RUN", name=True),
    ]
    return [
        *([Column("HOST", name=True)] if several else ()),
        *columns,
        *([Column("REMARK")] if remarks else ()),
    ]


def _cells(page: Page, host: str, run: RecordedRun, now: datetime) -> dict[str, Cell]:
    return {
        "HOST": cell(page, host, BOLD),
        "WHEN": cell(page, ago(run.at, now) if page.width else stamp(run.at)),
        "OUTCOME": cell(page, _outcome(run), _STYLES.get(run.outcome, YELLOW)),
        "ACTION": cell(page, run.action),
        "SERVICE": cell(page, run.service),
        "TAG": cell(page, run.release.tag),
        "BY": cell(page, run.by, DIM),
        "TOOK": cell(page, "" if run.seconds is None else duration(run.seconds), DIM),
        "RUN": cell(page, run.run, DIM),
        "REMARK": cell(page, _remark(run), limit=_LONGEST_REMARK),
    }


def _outcome(run: RecordedRun) -> str:
    return "already ran" if run.unchanged else run.outcome.value


def _details(page: Page, host: str, run: RecordedRun) -> None:
    if remark := _remark(run):
        detail(page, "why", page.show(remark), DIM)
    if run.outcome is RunOutcome.IN_PROGRESS:
        next_step(page, UnfinishedRun(run.run).follow_command(host))


def _remark(run: RecordedRun) -> str:
    """What happened, in words; a run that went well needs none."""
    match run.outcome:
        case RunOutcome.RESTORED:
            return f"{_why(run)}; {run.put_back or 'what ran before'} was put back"
        case RunOutcome.BROKEN:
            return f"{_why(run)}; nothing was put back"
        case RunOutcome.INTERRUPTED:
            return f"it left no outcome: {WHY_NO_OUTCOME}"
        case RunOutcome.UNKNOWN:
            return "how it ended may stand in a line that cannot be read; it may have been killed"
        case _:
            return ""


def _why(run: RecordedRun) -> str:
    if run.reason == "aborted" and run.aborted_by:
        return f"{run.aborted_by} aborted it"
    return REASONS.get(run.reason, run.reason or "for a reason that is not recorded")

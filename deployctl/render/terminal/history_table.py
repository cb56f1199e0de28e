"""What was recorded on the hosts: a table of the runs or of the lines, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.render.harmless import LONGEST
from deployctl.render.terminal.detail import detail
from deployctl.render.terminal.hint_lines import write_hint
from deployctl.render.terminal.page import BOLD, DIM, GREEN, RED, YELLOW, Page
from deployctl.render.terminal.run_table import runs
from deployctl.render.terminal.table import Column, Table, cell
from deployctl.render.units import ago, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from deployctl.release.results import HistoryResult
    from deployctl.render.terminal.table import Cell

_STYLES = {
    "succeeded": GREEN,
    "restored": YELLOW,
    "interrupted": YELLOW,
    "broken": RED,
    "started": DIM,
}
_LONGEST_REASON_IN_COLUMN = 20
_LARGEST_NUMBER = 1e15


def history(
    page: Page, results: Sequence[HistoryResult], now: datetime, *, events: bool = False
) -> None:
    """Write what is recorded, newest first, and at the end what could not be read.

    Args:
        page: where to.
        results: of the hosts.
        now: for "2 h ago"; aware.
        events: each line of the files; otherwise a row for each run.
    """
    (_lines if events else runs)(page, results, now)
    for result in results:
        _remarks(page, result)


def _lines(page: Page, results: Sequence[HistoryResult], now: datetime) -> None:
    """Write a row for each line; a reason that a terminal has no room for stands below it."""
    lines = [(result.host, entry) for result in results for entry in reversed(result.entries)]
    if not lines:
        return
    services = {_text(entry, "service") for _, entry in lines}
    longest = max(len(_text(entry, "reason")) for _, entry in lines)
    layout = _layout(
        several=len(results) > 1,
        one_service=len(services) == 1,
        reasons=page.width is None or 0 < longest <= _LONGEST_REASON_IN_COLUMN,
    )
    table = Table(
        page,
        [column for column, _ in layout],
        [[_cell(page, host, entry, name, now) for _, name in layout] for host, entry in lines],
    )
    table.header()
    for number, (_, entry) in enumerate(lines):
        table.row(number)
        reason = _text(entry, "reason")
        if reason and not table.shows("REASON"):
            detail(page, "reason", page.show(reason), DIM)


def _layout(*, several: bool, one_service: bool, reasons: bool) -> list[tuple[Column, str]]:
    """Return columns and the fields that they show."""
    layout = [
        (Column("SEQ", right=True), "seq"),
        (Column("WHEN"), "at"),
        (Column("EVENT"), "event"),
        (Column("ACTION", importance=4), "action"),
        (Column("SERVICE", importance=1 if one_service else 0, name=True), "service"),
        (Column("TAG"), "tag"),
        (Column("BY", importance=3), "by"),
        (Column("SECONDS", importance=2, right=True), "seconds"),
    ]
    if several:
        layout.insert(0, (Column("HOST", name=True), "host"))
    if reasons:
        layout.append((Column("REASON", importance=5), "reason"))
    return layout


def _cell(page: Page, host: str, entry: Mapping[str, object], name: str, now: datetime) -> Cell:
    if name == "host":
        return cell(page, host, BOLD)
    text = _text(entry, name)
    if name == "at":
        text = ago(text, now) if page.width else stamp(text)
    if name == "reason":
        return cell(page, text, limit=LONGEST)
    return cell(page, text, _STYLES.get(text, "") if name == "event" else "")


def _text(entry: Mapping[str, object], name: str) -> str:
    """Return a field as text; what is neither text nor a sane number counts as missing."""
    value = entry.get(name)
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and -_LARGEST_NUMBER < value < _LARGEST_NUMBER:
        return f"{value:.1f}" if name == "seconds" else str(value)
    return ""


def _remarks(page: Page, result: HistoryResult) -> None:
    host = (f"{page.show(result.host)}: ", BOLD)
    if result.error:
        page.text(host, ("error: ", RED), page.show(result.error.message), indent=2)
        write_hint(page, (f"{host[0]}next: ", BOLD), result.error.hint, indent=2)
    elif not result.entries and not result.runs:
        page.text(host, "nothing is recorded yet", indent=2)
    for problem in result.problems:
        page.text(host, ("problem: ", YELLOW), page.show(problem), indent=2)

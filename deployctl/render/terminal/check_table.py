"""Which hosts could take a deploy, as a table: a row for each, and below it what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.release.check import Severity
from deployctl.render.terminal.detail import START, detail
from deployctl.render.terminal.hint_lines import write_hint
from deployctl.render.terminal.page import BOLD, DIM, GREEN, RED, YELLOW, Page
from deployctl.render.terminal.table import Column, Table, cell
from deployctl.render.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployctl.release.check import CheckFinding, CheckResult
    from deployctl.render.terminal.table import Cell

_COLUMNS = (
    Column("HOST", name=True),
    Column("SERVICE", name=True),
    Column("READY"),
    Column("FINDINGS"),
)
_STYLES = {Severity.OK: "", Severity.WARNING: YELLOW, Severity.PROBLEM: RED}
_MOST_DETAILS = 20


def check(page: Page, results: Sequence[CheckResult]) -> None:
    """Write which hosts could take a deploy, and what was found.

    A single row is followed by every finding; several rows only by what is not well.

    Args:
        page: where to.
        results: one for each host and service.
    """
    table = Table(page, _COLUMNS, [_cells(page, result) for result in results])
    table.header()
    for number, result in enumerate(results):
        table.row(number)
        for finding in result.findings:
            if len(results) == 1 or finding.severity is not Severity.OK:
                _finding(page, finding)


def _cells(page: Page, result: CheckResult) -> list[Cell]:
    problems, warnings = result.of(Severity.PROBLEM), result.of(Severity.WARNING)
    counts = [
        plural(len(found), word)
        for found, word in ((problems, "problem"), (warnings, "warning"))
        if found
    ]
    return [
        cell(page, result.host, BOLD),
        cell(page, result.service),
        ("yes", GREEN) if result.ready else ("no", RED),
        (", ".join(counts) or "all well", RED if problems else YELLOW if warnings else DIM),
    ]


def _finding(page: Page, finding: CheckFinding) -> None:
    mark = {Severity.OK: page.yes, Severity.WARNING: "!", Severity.PROBLEM: page.no}
    said = f"{mark[finding.severity]} {page.show(finding.message)}"
    detail(page, _NAMES.get(finding.check, finding.check), said, _STYLES[finding.severity], hang=2)
    for line in finding.details[:_MOST_DETAILS]:
        detail(page, "", f"  | {page.show(line)}", DIM, hang=4)
    if finding.remedy:
        write_hint(page, " " * START + "  next: ", finding.remedy, indent=START + 4)


_NAMES = {"dependencies": "needs"}
"""Names that have no room in the column."""

"""What a check of workflows found, for people: each finding with its reason and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.lint import RULES, Report
from deployctl.render.terminal.page import BOLD, DIM, GREEN, YELLOW
from deployctl.render.units import plural

if TYPE_CHECKING:
    from deployctl.render.terminal.page import Page
    from deployctl.render.terminal.wrapping import Piece


def findings(page: Page, report: Report) -> None:
    """Write the findings for people, each with its reason and what to do, and a last line.

    Args:
        page: where to.
        report: of a check.
    """
    for finding in report.findings:
        place = (page.show(str(finding.place)), BOLD)
        page.text(place, ": ", (finding.rule, YELLOW), indent=2)
        page.text(f"  {page.show(finding.reason)}", indent=2)
        page.text(("  why: ", DIM), RULES[finding.rule].why, indent=len("  why: "))
        page.text(("  fix: ", DIM), page.show(finding.fix), indent=len("  fix: "))
    page.text(*_summary(report))


def _summary(report: Report) -> list[Piece]:
    files = plural(len(report.files), "workflow")
    if report.findings:
        return [(plural(len(report.findings), "finding"), BOLD), f" in {files}"]
    if not report.deploys:
        return [f"{files}, none of which deploys with deployctl: there is no chain to check"]
    return [("the chain holds", GREEN), f": {files}, {plural(report.deploys, 'deploy')}"]

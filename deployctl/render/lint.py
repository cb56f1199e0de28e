"""Findings in workflows: for people, as annotations of a run, and as SARIF.

Texts of the workflows stand in the messages: they are somebody else's, and shown harmlessly.
"""

from __future__ import annotations

import json
from typing import Any, TextIO
from urllib.parse import quote

from deployctl import __version__
from deployctl.lint.findings import RULES, Finding, Report, Rule
from deployctl.render.terminal import BOLD, DIM, GREEN, YELLOW, Page
from deployctl.render.text import plural, safe
from deployctl.render.workflow_commands import annotation

_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def findings(report: Report, *, out: TextIO, color: bool, width: int | None = None) -> None:
    """Write the findings for people, each with its reason and what to do, and a last line.

    Args:
        report: of a check.
        out: stdout, usually.
        color: whether to write colours.
        width: of the terminal, in columns; None: lines are never broken.
    """
    page = Page(out, color=color, width=width)
    for finding in report.findings:
        place = (page.show(str(finding.place)), BOLD)
        page.text(place, ": ", (finding.rule, YELLOW), indent=2)
        page.text(f"  {page.show(finding.reason)}", indent=2)
        page.text(("  why: ", DIM), RULES[finding.rule].why, indent=len("  why: "))
        page.text(("  fix: ", DIM), page.show(finding.fix), indent=len("  fix: "))
    page.text(*_summary(report))


def _summary(report: Report) -> list[str | tuple[str, str]]:
    files = plural(len(report.files), "workflow")
    if report.findings:
        return [(plural(len(report.findings), "finding"), BOLD), f" in {files}"]
    if not report.deploys:
        return [f"{files}, none of which deploys with deployctl: there is no chain to check"]
    return [("the chain holds", GREEN), f": {files}, {plural(report.deploys, 'deploy')}"]


# ---------------------------------------------------------------- annotations


def annotate(report: Report, stream: TextIO) -> None:
    """Write a warning of a workflow run for each finding, shown beside the line it is about."""
    for finding in report.findings:
        place = finding.place
        where = {"file": place.file, "line": place.line, "col": place.column}
        message = f"{finding.reason}. {RULES[finding.rule].why} Fix: {finding.fix}"
        stream.write(annotation("warning", f"deployctl: {finding.rule}", message, where) + "\n")
    stream.flush()


# ---------------------------------------------------------------- SARIF


def sarif(report: Report) -> str:
    """Return the findings as a SARIF 2.1.0 log, which GitHub's code scanning reads."""
    rules = list(RULES.values())
    log = {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "deployctl",
                        "version": __version__,
                        "rules": [_sarif_rule(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(each, rules) for each in report.findings],
            }
        ],
    }
    return json.dumps(log, ensure_ascii=True, allow_nan=False).replace("\x7f", "\\u007f") + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why},
        "defaultConfiguration": {"level": "warning"},
    }


def _sarif_result(finding: Finding, rules: list[Rule]) -> dict[str, Any]:
    place = finding.place
    return {
        "ruleId": finding.rule,
        "ruleIndex": [rule.id for rule in rules].index(finding.rule),
        "level": "warning",
        "message": {"text": safe(f"{finding.reason}. Fix: {finding.fix}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.file)},
                    "region": {"startLine": place.line, "startColumn": place.column},
                }
            }
        ],
    }

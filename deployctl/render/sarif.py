"""What a check of workflows found, as a SARIF log for GitHub's code scanning."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from deployctl import __version__
from deployctl.lint import RULES, Finding, Report, Rule
from deployctl.render.harmless import safe

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def sarif(report: Report) -> str:
    """Return the findings as a SARIF 2.1.0 log, which GitHub's code scanning reads."""
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "deployctl",
                        "version": __version__,
                        "rules": [_rule(rule) for rule in RULES.values()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(each) for each in report.findings],
            }
        ],
    }
    return json.dumps(log, ensure_ascii=True, allow_nan=False).replace("\x7f", "\\u007f") + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why},
        "defaultConfiguration": {"level": "warning"},
    }


def _result(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
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

"""The rules of the chain: a file for each theme, and in it what finds a breach of each rule."""

from __future__ import annotations

from deployctl.lint.chain import Chain
from deployctl.lint.findings import Finding, Place
from deployctl.lint.rules import branch, checks, failures, links, only_way, tag
from deployctl.lint.rules.rule import Rule

RULES: dict[str, Rule] = {
    rule.id: rule
    for theme in (tag, links, checks, failures, branch, only_way)
    for rule in theme.RULES
}
"""All rules by their ids, in the order in which docs/lint.md and SARIF list them."""


def check(chain: Chain) -> list[Finding]:
    """Return all findings, each place once for each rule, by file and line."""
    found: dict[tuple[Place, str], Finding] = {}
    for rule in RULES.values():
        for finding in rule.findings(chain):
            found.setdefault((finding.place, finding.rule), finding)
    return [found[key] for key in sorted(found)]

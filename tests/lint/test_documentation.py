"""The page about the rules, held against the rules."""

from __future__ import annotations

import re

from deployctl.lint import RULES
from tests.lint.build import EXAMPLES, NAMES

PAGE = (EXAMPLES.parent / "lint.md").read_text("utf-8")
INDEX = (EXAMPLES / "README.md").read_text("utf-8")


def test_every_rule_has_its_section_in_their_order() -> None:
    rules = PAGE.partition("\n## Rules\n")[2].partition("\n## ")[0]

    assert re.findall(r"(?m)^### (.+)$", rules) == list(RULES)
    assert rules.count("*Fix:*") == len(RULES)


def test_every_rule_says_what_it_demands_and_why() -> None:
    assert all(rule.title and rule.why for rule in RULES.values())


def test_every_example_is_described() -> None:
    assert re.findall(r"\| \[([\w.-]+)\]\(\1\)", INDEX) == list(NAMES)

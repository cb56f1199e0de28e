"""What the results of the faults add up to."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from tests.faults.results import Result, newest, table
from tests.faults.selection import CASES

ONE = Result("0123456789ab", "2026-11-28", "deploy-before-up", "ctrl-c", True, 0.4)
FAILED = replace(ONE, fault="power cut", passed=False, longest_gap=None)
STOPPED = replace(ONE, fault="docker away", longest_gap=5.04, date="2026-11-29")


def test_the_last_result_of_each_case_counts_for_what_was_tested_last() -> None:
    product = {"a": "before", "b": "now", "c": "now"}
    before = replace(ONE, commit="a", fault="sigterm")
    failed, passed = replace(FAILED, commit="b"), replace(ONE, commit="c")
    kept = [before, failed, replace(passed, commit="b", passed=False), passed]
    lines = [json.dumps(asdict(each)) for each in kept]

    assert sorted(newest(lines, product.__getitem__), key=str) == sorted([failed, passed], key=str)


def test_the_table_counts_what_was_struck_and_tells_the_longest_gaps_apart() -> None:
    lines = list(table([ONE, FAILED, STOPPED]))

    assert "| the client | 1 | 1 | 0.4 s | - |" in lines
    assert "| the host | 2 | 1 | - | 5.0 s |" in lines
    assert "| all | 3 | 2 | 0.4 s | 5.0 s |" in lines
    assert lines[-1] == (f"Commit 0123456789ab, 2026-11-28 to 2026-11-29: 3 of {len(CASES)} cases.")

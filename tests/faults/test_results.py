"""What the results of the faults add up to."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from tests.faults.results import Result, newest, table
from tests.faults.selection import CASES

ONE = Result("0123456789ab", "ba9876543210", "2026-11-28", "deploy-before-up", "ctrl-c", True, 0.4)
FAILED = replace(ONE, fault="power cut", passed=False, longest_gap=None)
STOPPED = replace(ONE, fault="docker away", longest_gap=5.04, date="2026-11-29")


def test_the_last_result_of_each_case_counts_for_what_was_tested_last() -> None:
    before = replace(ONE, product="before", fault="sigterm")
    failed, passed = FAILED, replace(ONE, commit="ab0123456789")
    kept = [before, failed, replace(ONE, passed=False), passed]
    lines = [json.dumps(asdict(each)) for each in kept]

    assert sorted(newest(lines), key=str) == sorted([failed, passed], key=str)


def test_the_table_counts_what_was_struck_and_tells_the_longest_gaps_apart() -> None:
    lines = list(table([ONE, FAILED, STOPPED]))

    assert "| the client | 1 | 1 | 0.4 s | - |" in lines
    assert "| the host | 2 | 1 | - | 5.0 s |" in lines
    assert "| all | 3 | 2 | 0.4 s | 5.0 s |" in lines
    assert lines[-1].startswith(f"3 of {len(CASES)} cases, 2026-11-28 to 2026-11-29, with")
    assert lines[-1].endswith(": ba9876543210.")

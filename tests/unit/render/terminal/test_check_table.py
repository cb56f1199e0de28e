"""Which hosts could take a deploy, and what was found."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from deployctl.release.check import CheckFinding, CheckResult, Severity
from deployctl.render.terminal import check_table
from deployctl.render.terminal.page import Page
from tests.unit.render.samples import checks
from tests.unit.render.terminal.shown import assert_harmless


def check_text(*of: CheckResult) -> str:
    out = io.StringIO()
    check_table.check(Page(out, color=False, width=100), of)
    return out.getvalue()


@given(st.lists(checks, max_size=3))
def test_any_check_is_shown_harmlessly(of: list[CheckResult]) -> None:
    assert_harmless(check_text(*of))


WELL = CheckFinding("docker", "ok", Severity.OK, "Docker answers")
LOW = CheckFinding("disk", "disk-low", Severity.WARNING, "only 3 MiB", "make room")
DOWN = CheckFinding(
    "registry", "registry-down", Severity.PROBLEM, "no answer", "wait", ("dial tcp",)
)


def test_one_row_shows_every_finding_with_its_remedy_and_evidence() -> None:
    assert check_text(CheckResult("vps", "web", (WELL, LOW, DOWN))).splitlines() == [
        "HOST  SERVICE  READY  FINDINGS",
        "vps   web      no     1 problem, 1 warning",
        "  docker       ✓ Docker answers",
        "  disk         ! only 3 MiB",
        "                 next: make room",
        "  registry     ✗ no answer",
        "                 | dial tcp",
        "                 next: wait",
    ]


def test_several_rows_show_only_what_is_not_well() -> None:
    rows = (CheckResult("a", "web", (WELL,)), CheckResult("b", "web", (WELL, LOW)))

    assert check_text(*rows).splitlines() == [
        "HOST  SERVICE  READY  FINDINGS",
        "a     web      yes    all well",
        "b     web      yes    1 warning",
        "  disk         ! only 3 MiB",
        "                 next: make room",
    ]

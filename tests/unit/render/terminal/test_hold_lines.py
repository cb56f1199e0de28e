"""What became of a hold, as sentences."""

from __future__ import annotations

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.facts import Hold
from deployctl.errors import BusyError
from deployctl.holds import HoldOutcome, HoldResult
from deployctl.render.terminal import hold_lines
from deployctl.render.terminal.page import Page
from tests.unit.render.samples import holds
from tests.unit.render.terminal.shown import assert_harmless


def hold_text(*of: HoldResult) -> str:
    out = io.StringIO()
    hold_lines.holds(Page(out, color=False), of)
    return out.getvalue()


@given(st.lists(holds, max_size=3))
def test_any_hold_is_shown_harmlessly(of: list[HoldResult]) -> None:
    assert_harmless(hold_text(*of))


def test_each_outcome_of_a_hold_reads_as_a_sentence() -> None:
    hold, before = Hold("kim", "now", "audit"), Hold("sam", "before", "holidays")

    def said(outcome: HoldOutcome, **more: Any) -> str:
        return hold_text(HoldResult("vps", "web", outcome, **more))

    assert said(HoldOutcome.SET, hold=hold) == (
        "vps: deploys of web, but not rollbacks, are held by kim since now: audit\n"
    )
    assert said(HoldOutcome.REPLACED, hold=hold, before=before) == (
        "vps: deploys of web are held by kim since now: audit "
        "(was held by sam since before: holidays)\n"
    )
    assert said(HoldOutcome.UNCHANGED, hold=hold).endswith(": audit\n")
    assert said(HoldOutcome.LIFTED, before=before) == (
        "vps: deploys of web go on (they were held by sam since before: holidays)\n"
    )
    assert said(HoldOutcome.NONE) == "vps: deploys of web were not held: nothing to do\n"
    assert "  note: what is under way was not stopped: deploy of web" in said(
        HoldOutcome.SET, hold=hold, busy="deploy of web"
    )


def test_a_single_host_that_failed_is_told_by_its_error_alone() -> None:
    failed = HoldResult(
        "vps", "web", HoldOutcome.FAILED, error=BusyError("already-held", "no", state="held")
    )

    assert hold_text(failed) == ""
    assert hold_text(failed, failed).count("vps: failed: held") == 2

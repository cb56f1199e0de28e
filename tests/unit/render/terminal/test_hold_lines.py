"""What became of a hold, as sentences."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import BusyError
from deployctl.release.hold import Hold, HoldOutcome, HoldResult
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


NOW, BEFORE = Hold("kim", "now", "audit"), Hold("sam", "before", "holidays")
BUSY = "  note: what is under way was not stopped: deploy of web\n"


@pytest.mark.parametrize(
    ("outcome", "more", "text"),
    [
        (
            HoldOutcome.SET,
            {"hold": NOW},
            "vps: deploys of web, but not rollbacks, are held by kim since now: audit\n",
        ),
        (
            HoldOutcome.SET,
            {"hold": NOW, "busy": "deploy of web"},
            f"vps: deploys of web, but not rollbacks, are held by kim since now: audit\n{BUSY}",
        ),
        (
            HoldOutcome.REPLACED,
            {"hold": NOW, "before": BEFORE},
            (
                "vps: deploys of web are held by kim since now: audit "
                "(was held by sam since before: holidays)\n"
            ),
        ),
        (
            HoldOutcome.UNCHANGED,
            {"hold": NOW},
            "vps: nothing to do: deploys of web are already held by kim since now: audit\n",
        ),
        (
            HoldOutcome.LIFTED,
            {"before": BEFORE},
            "vps: deploys of web go on (they were held by sam since before: holidays)\n",
        ),
        (HoldOutcome.NONE, {}, "vps: deploys of web were not held: nothing to do\n"),
    ],
)
def test_each_outcome_of_a_hold_reads_as_a_sentence(
    outcome: HoldOutcome, more: dict[str, Any], text: str
) -> None:
    assert hold_text(HoldResult("vps", "web", outcome, **more)) == text


def test_a_single_host_that_failed_is_told_by_its_error_alone() -> None:
    failed = HoldResult(
        "vps", "web", HoldOutcome.FAILED, error=BusyError("already-held", "no", state="held")
    )

    assert hold_text(failed) == ""
    assert hold_text(failed, failed).count("vps: failed: held") == 2

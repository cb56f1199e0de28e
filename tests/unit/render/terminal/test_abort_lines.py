"""What became of a run that was to be aborted, as sentences."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import RefusedError
from deployctl.release.abort import AbortOutcome, AbortResult
from deployctl.release.results import UnfinishedRun
from deployctl.render.terminal import abort_lines
from deployctl.render.terminal.page import Page
from tests.unit.build import tag
from tests.unit.render.samples import aborts
from tests.unit.render.terminal.shown import assert_harmless

RUN = UnfinishedRun("r1", "kim", "deploy", "web", tag(3), "now")
NOTHING = RefusedError("nothing-to-abort", "no run")


def text_of(*of: AbortResult) -> str:
    out = io.StringIO()
    abort_lines.aborts(Page(out, color=False), of)
    return out.getvalue()


@given(st.lists(aborts, max_size=3))
def test_any_abort_is_shown_harmlessly(of: list[AbortResult]) -> None:
    assert_harmless(text_of(*of))


NAMED = "deploy of web sha-0000003 by kim, since now"


@pytest.mark.parametrize(
    ("outcome", "serves", "rung", "text"),
    [
        (AbortOutcome.ABORTED, tag(2), "untouched", "healthy (was left alone); aborted"),
        (
            *(AbortOutcome.RESTORED, tag(2), "made"),
            "healthy (its containers were made again); had failed by itself",
        ),
    ],
)
def test_what_serves_again_is_named_and_how_it_came_back(
    outcome: AbortOutcome, serves: str, rung: str, text: str
) -> None:
    result = AbortResult("vps", "web", outcome, RUN, serves, rung)

    assert text_of(result) == f"vps: web runs {serves}, {text}: {NAMED}\n"


def test_what_has_no_tag_of_ours_is_not_named() -> None:
    result = AbortResult("vps", "web", AbortOutcome.ABORTED, RUN, "", "started")

    assert text_of(result).startswith("vps: web runs as before, healthy (")


def test_what_had_changed_nothing_is_named() -> None:
    result = AbortResult("vps", "web", AbortOutcome.ABORTED, RUN)

    assert text_of(result) == f"vps: aborted before it changed anything: {NAMED}\n"


def test_the_error_of_a_single_host_is_told_elsewhere() -> None:
    assert text_of(AbortResult("vps", "web", AbortOutcome.NONE, error=NOTHING)) == ""


def test_of_several_hosts_each_has_a_line() -> None:
    done = AbortResult("vps2", "web", AbortOutcome.ABORTED, RUN, tag(2), "untouched")

    first, second, _ = text_of(
        AbortResult("vps1", "web", AbortOutcome.NONE, error=NOTHING), done
    ).split("\n", 2)

    assert first == "vps1: nothing to abort"
    assert second.startswith("vps2: web runs")

"""Checks and holds as text and JSON: harmless, complete, and as the schema says."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from deployctl import checkup
from deployctl.checkup import CheckResult, Finding, Severity
from deployctl.errors import BusyError
from deployctl.facts import Hold
from deployctl.holds import HoldOutcome, HoldResult
from deployctl.render import check_table, hold_lines
from deployctl.render import json as documents
from tests.unit.render_samples import hostile

SCHEMA = json.loads(Path(checkup.__file__).with_name("output.schema.json").read_text())
CONTROL = {chr(n) for n in (*range(32), *range(0x7F, 0xA0))} - {"\n"}

findings = st.builds(
    Finding,
    check=st.sampled_from(["registry", "dependencies", "host-key"]),
    code=hostile,
    severity=st.sampled_from(Severity),
    message=hostile,
    remedy=hostile,
    details=st.lists(hostile, max_size=3).map(tuple),
)
checks = st.builds(
    CheckResult, hostile, hostile, st.lists(findings, max_size=4).map(tuple), st.floats()
)
holds_ = st.none() | st.builds(Hold, hostile, hostile, hostile)
results = st.builds(
    HoldResult,
    hostile,
    hostile,
    st.sampled_from(HoldOutcome),
    hold=holds_,
    before=holds_,
    busy=hostile,
    error=st.none() | st.builds(BusyError, hostile, hostile, hint=hostile, state=hostile),
)


def check_text(*of: CheckResult) -> str:
    out = io.StringIO()
    check_table.check(of, out=out, color=False, width=100)
    return out.getvalue()


def hold_text(*of: HoldResult) -> str:
    out = io.StringIO()
    hold_lines.holds(of, out=out, color=False)
    return out.getvalue()


def assert_valid(text: str) -> Any:
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    return document


@given(st.lists(checks, max_size=3))
def test_any_check_is_shown_harmlessly_and_as_the_schema_says(of: list[CheckResult]) -> None:
    shown = check_text(*of)

    assert not CONTROL & set(shown)
    assert not any(line.startswith("::") for line in shown.splitlines())
    assert_valid(documents.check(of, 4))


@given(st.lists(results, max_size=3))
def test_any_hold_is_shown_harmlessly_and_as_the_schema_says(of: list[HoldResult]) -> None:
    shown = hold_text(*of)

    assert not CONTROL & set(shown)
    assert_valid(documents.holds(of, "hold", 5))


WELL = Finding("docker", "ok", Severity.OK, "Docker answers")
LOW = Finding("disk", "disk-low", Severity.WARNING, "only 3 MiB", "make room")
DOWN = Finding("registry", "registry-down", Severity.PROBLEM, "no answer", "wait", ("dial tcp",))


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
    document = assert_valid(documents.holds([failed], "hold", 5))
    assert document["error"]["code"] == "already-held"

"""What the events of an abort mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployctl import errors
from deployctl.compose.abort import abort_result
from deployctl.compose.ending import Asked
from deployctl.compose.host.transact import RunEvents
from deployctl.errors import DeployctlError, RefusedError
from deployctl.release.abort import AbortOutcome, AbortResult, failures
from deployctl.release.results import UnfinishedRun
from tests.unit.build import SERVICE, WEB, entry, tag

RUN = "20251123t120000z-0a1b2c3d"
HELD = UnfinishedRun(RUN, "kim", "deploy", WEB, tag(2), "now")
ASKED = Asked("vps", RUN, (SERVICE,), login="deploy")


def events(event: str = "", **more: Any) -> RunEvents:
    line = json.dumps(entry(2, 2, event, run=RUN, previous=1, **more)).encode() if event else b""
    return RunEvents(aborting=HELD, begun=True, end="outcome" if event else "ended", text=line)


def error(of: RunEvents) -> DeployctlError:
    with pytest.raises(DeployctlError) as caught:
        abort_result(of, ASKED)
    return caught.value


def test_an_aborted_run_names_what_serves_again_and_how_it_came_back() -> None:
    result = abort_result(events("restored", reason="aborted", rung="started"), ASKED)

    assert result == AbortResult("vps", WEB, AbortOutcome.ABORTED, HELD, tag(1), "started")


def test_one_that_stays_as_nothing_well_served_before_is_not_said_to_be_too_late() -> None:
    assert "succeeded before it" in error(events("succeeded")).message
    assert "what it brought stays" in error(events("succeeded", reason="aborted")).message


def test_one_that_failed_by_itself_says_so() -> None:
    assert abort_result(events("restored", reason="exited"), ASKED).outcome is AbortOutcome.RESTORED


@pytest.mark.parametrize(
    "of",
    [
        RunEvents(aborting=HELD, end="refused", what="killed"),
        RunEvents(aborting=HELD, end="refused", what="docker"),
        RunEvents(aborting=HELD, end="ended"),
    ],
)
def test_one_that_had_not_begun_has_changed_nothing(of: RunEvents) -> None:
    assert abort_result(of, ASKED) == AbortResult("vps", WEB, AbortOutcome.ABORTED, HELD)


@pytest.mark.parametrize(
    ("of", "status", "code"),
    [
        (events("succeeded"), errors.EXIT_REFUSED, "too-late-to-abort"),
        (events("broken", reason="aborted"), errors.EXIT_BROKEN, "broken"),
        (events(), errors.EXIT_BROKEN, "record-gone"),
        (events("restored", service="db"), errors.EXIT_BROKEN, "outcome-mismatch"),
        (RunEvents(end="refused", what="not-running"), errors.EXIT_REFUSED, "nothing-to-abort"),
        (RunEvents(end="refused", what="other-service"), errors.EXIT_REFUSED, "nothing-to-abort"),
        (RunEvents(end="refused", what="no-guardian"), errors.EXIT_REFUSED, "not-abortable"),
        (RunEvents(end="refused", what="state-closed"), errors.EXIT_UNREACHABLE, "state-foreign"),
    ],
)
def test_any_other_end_is_an_error(of: RunEvents, status: int, code: str) -> None:
    found = error(of)

    assert (found.exit_status, found.code) == (status, code)
    assert found.hint


def test_a_host_without_a_run_is_a_failure_only_where_no_host_had_one() -> None:
    nothing = RefusedError("nothing-to-abort", "no run")
    none = AbortResult("vps1", WEB, AbortOutcome.NONE, error=nothing)
    done = AbortResult("vps2", WEB, AbortOutcome.ABORTED)

    assert failures([none, done]) == []
    assert failures([none, none]) == [nothing, nothing]

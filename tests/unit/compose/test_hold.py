"""Holds: what the host answers, and what becomes of it."""

from __future__ import annotations

import base64

import pytest

from deployctl import errors
from deployctl.compose.hold import lifted_result, not_known, set_result
from deployctl.compose.host.hold import HoldAnswer, read_answer
from deployctl.errors import BusyError, HostError
from deployctl.release.hold import Hold, HoldOutcome

AUDIT = Hold("kim", "2025-11-23T10:00:00Z", "audit")


def answer(outcome: str, before: Hold | None = None, now: Hold | None = None) -> HoldAnswer:
    return HoldAnswer(outcome, before, now, "null", None)


def test_a_hold_that_was_set_says_what_was_there_before() -> None:
    assert set_result(answer("set", None, AUDIT), "vps", "web", "audit").outcome == "set"
    replaced = set_result(answer("set", AUDIT, AUDIT), "vps", "web", "audit")
    assert (replaced.outcome, replaced.before) == (HoldOutcome.REPLACED, AUDIT)


def test_the_same_hold_is_unchanged_and_another_ones_stays() -> None:
    found = answer("held", AUDIT, AUDIT)

    assert set_result(found, "vps", "web", "audit").outcome is HoldOutcome.UNCHANGED
    with pytest.raises(BusyError, match="held by kim since 2025-11-23T10:00:00Z: audit") as other:
        set_result(found, "vps", "web", "migration")
    assert other.value.exit_status == errors.EXIT_BUSY
    assert "stay held" in other.value.state


def test_lifting_says_whether_there_was_a_hold() -> None:
    lifted = lifted_result(answer("lifted", AUDIT), "vps", "web")

    assert (lifted.outcome, lifted.before) == (HoldOutcome.LIFTED, AUDIT)
    assert lifted_result(answer("none"), "vps", "web").outcome is HoldOutcome.NONE


def test_what_cannot_be_written_or_removed_is_an_error_that_says_how_it_stands() -> None:
    with pytest.raises(HostError) as failed:
        set_result(answer("failed"), "vps", "web", "audit")
    assert "not held" in failed.value.state
    with pytest.raises(HostError) as failed:
        lifted_result(answer("failed", AUDIT, AUDIT), "vps", "web")
    assert "still held" in failed.value.state


def test_a_hold_that_somebody_keeps_from_being_set_names_him() -> None:
    who = base64.b64encode(b"7 mallory flock holds \n").decode()
    told = (
        f'{{"outcome":"blocked","before":null,"now":null}}\n{{"outcome":"busy","holder":"{who}"}}\n'
    )

    found = read_answer(told.encode())

    assert found.holder is None
    with pytest.raises(BusyError, match="process 7 of mallory: 'flock holds'") as blocked:
        set_result(found, "vps", "web", "audit", "/s t")
    assert (blocked.value.code, blocked.value.exit_status) == ("lock-taken", errors.EXIT_BUSY)
    assert blocked.value.hint.endswith("fuser -v '/s t/holds'")
    with pytest.raises(BusyError, match="process 7 of mallory: 'flock holds'") as blocked:
        lifted_result(found, "vps", "web", "/s t")
    assert "still held" in blocked.value.state


def test_after_a_lost_connection_nobody_says_that_nothing_was_changed() -> None:
    lost = not_known(HostError("connection-lost", "it broke"), "vps", "web")

    assert "not known" in lost.state
    assert "deployctl status web" in lost.hint

"""An error: what happened, the state of the host, the next command."""

from __future__ import annotations

from deployctl.errors import RefusedError
from tests.unit.render.samples import RESTORED
from tests.unit.render.terminal.shown import error_of, lines_of


def test_an_error_ends_with_the_state_and_the_next_command() -> None:
    assert lines_of(error_of(RESTORED)) == [
        (
            "error: deploy of enforcer-backend sha-1a2b3c4 on vps2 failed: "
            "it did not get healthy in time"
        ),
        "  | starting",
        "  | panic: DATABASE_URL is not set",
        "state: sha-0f9e8d7 is back and healthy",
        "next: deployctl status enforcer-backend",
    ]


def test_further_lines_of_a_message_are_indented() -> None:
    err = RefusedError("x", "two mistakes:\na: unknown key\nb: unknown key\n", hint="mend them")
    assert lines_of(error_of(err)) == [
        "error: two mistakes:",
        "  a: unknown key",
        "  b: unknown key",
        "state: nothing on the host was changed",
        "next: mend them",
    ]


def test_log_lines_cannot_give_orders_to_a_workflow_runner() -> None:
    err = RefusedError("x", "failed", details=("::error::forged\n::set-output name=a::b", "##[x]"))
    assert lines_of(error_of(err))[1:4] == [
        "  | ::error::forged",
        "  | ::set-output name=a::b",
        "  | ## [x]",
    ]


def test_of_very_many_log_lines_the_last_are_shown() -> None:
    shown = lines_of(error_of(RefusedError("x", "failed", details=[str(n) for n in range(5000)])))
    assert len(shown) == 202
    assert shown[200] == "  | 4999"

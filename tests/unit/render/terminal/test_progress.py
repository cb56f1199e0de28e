"""The steps of a run, in a log."""

from __future__ import annotations

import io

import pytest

from deployctl.errors import (
    BrokenError,
    BusyError,
    GateResult,
    HostError,
    InterruptedByUserError,
    RefusedError,
)
from deployctl.events import (
    ConnectionBack,
    ConnectionLost,
    Event,
    HostFinished,
    HostStarted,
    Notice,
    Phase,
    RunEnded,
    StepEnded,
    StepStarted,
)
from deployctl.render.terminal.progress import Progress
from tests.unit.render.samples import RESTORED, Terminal
from tests.unit.render.terminal.shown import SMART, STYLE, AsciiFile, lines_of


class Clock:
    """Half a second goes by with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


def progress_of(
    *happened: Event, environment: dict[str, str] | None = None, verbose: bool = False
) -> list[str]:
    stream = Terminal()
    with Progress(
        stream, environment or {"TERM": "dumb"}, verbose=verbose, clock=Clock()
    ) as progress:
        for event in happened:
            progress(event)
    return lines_of(stream.getvalue())


def test_a_log_gets_a_line_for_each_step_that_is_over() -> None:
    assert progress_of(
        HostStarted("vps", 1, 1),
        StepStarted("vps", Phase.CONNECT),
        StepStarted("vps", Phase.FETCH, "registry.example.com/enforcer:sha-1a2b3c4"),
        Notice("vps", "the compose files differ"),
        HostFinished("vps"),
    ) == [
        "vps: ✓ connect                    0.5 s",
        "vps: note: the compose files differ",
        "vps: ✓ fetch the image            0.5 s",
        "  registry.example.com/enforcer:sha-1a2b3c4",
    ]


def test_the_step_that_failed_is_marked() -> None:
    assert progress_of(
        StepStarted("vps", Phase.UP),
        StepStarted("vps", Phase.HEALTH),
        HostFinished("vps", RefusedError("x", "failed")),
    ) == [
        "vps: ✓ recreate the service       0.5 s",
        "vps: ✗ wait until healthy         0.5 s",
    ]


def test_a_gate_that_refuses_after_a_step_is_a_line_of_its_own_and_the_step_went_well() -> None:
    error = RefusedError("dependency-unhealthy", "db is unhealthy")
    error.gate_results = (
        GateResult("tag", True, ""),
        GateResult("dependencies", False, "db"),
        GateResult("order", False, "not reached", ran=False),
    )

    assert progress_of(
        StepStarted("vps", Phase.PROBE), StepEnded("vps"), HostFinished("vps", error)
    ) == [
        "vps: ✓ look at the host           0.5 s",
        "vps: ✗ refused                           gate: dependencies",
    ]
    assert progress_of(HostFinished("vps", BusyError("changed-meanwhile", "x"))) == [
        "vps: ✗ refused"
    ]


def test_only_refusals_are_shown_where_no_step_failed() -> None:
    """A host that was lost after a step, or Ctrl-C there: the error says it all."""
    for error in (HostError("cancelled", "x"), InterruptedByUserError("interrupted", "x")):
        assert progress_of(HostFinished("vps", error)) == []


def test_a_run_that_is_followed_afterwards_shows_the_recorded_times() -> None:
    assert progress_of(
        StepStarted("vps", Phase.CONNECT),
        StepEnded("vps"),
        StepStarted("vps", Phase.TAG, at=0.01),
        StepStarted("vps", Phase.UP, at=0.05),
        StepStarted("vps", Phase.HEALTH, at=1.45),
        StepStarted("vps", Phase.RESTORE, at=61.5),
        RunEnded("vps", 63.25),
        HostFinished("vps", RESTORED),
    ) == [
        "vps: ✓ connect                    0.5 s",
        "vps: ✓ set the tag                0.0 s",
        "vps: ✓ recreate the service       1.4 s",
        "vps: ✗ wait until healthy        1 min 00 s",
        "vps: ✓ put the old release back   1.8 s",
    ]


def test_how_long_the_last_step_of_a_killed_run_took_is_not_guessed() -> None:
    lines = progress_of(
        StepStarted("vps", Phase.UP, at=0.05),
        RunEnded("vps", None),
        HostFinished("vps", BrokenError("interrupted", "killed")),
    )
    assert lines == ["vps: ✗ recreate the service           ?"]


def test_in_a_log_a_lost_connection_is_said_once_and_then_less_and_less_often() -> None:
    lost = ConnectionLost("vps", "vps does not answer")  # each takes half a second of the clock

    assert progress_of(*[lost] * 200, ConnectionBack("vps"), ConnectionBack("vps")) == [
        "vps: note: vps does not answer; connecting again",
        "vps: note: vps does not answer; still connecting again after 10.0 s",
        "vps: note: vps does not answer; still connecting again after 20.0 s",
        "vps: note: vps does not answer; still connecting again after 40.0 s",
        "vps: note: vps does not answer; still connecting again after 1 min 20 s",
        "vps: note: connected again after 1 min 40 s",
    ]


def test_what_led_to_a_restore_failed_and_the_restore_did_not() -> None:
    marks = progress_of(
        StepStarted("vps", Phase.HEALTH),
        StepStarted("vps", Phase.RESTORE),
        HostFinished("vps", RESTORED),
    )
    assert [line[5] for line in marks] == ["✗", "✓"]


def test_an_exception_fails_the_running_step() -> None:
    stream = io.StringIO()

    def interrupted() -> None:
        with Progress(stream, {}) as progress:
            progress(StepStarted("vps", Phase.HEALTH))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().startswith("vps: ✗ wait until healthy")


def test_leaving_without_an_error_ends_the_last_step_well() -> None:
    assert progress_of(StepStarted("vps", Phase.HEALTH))[0].startswith("vps: ✓ wait")


def test_a_verbose_log_also_says_when_a_step_begins() -> None:
    lines = progress_of(StepStarted("vps", Phase.HEALTH), verbose=True)
    assert lines[0] == "vps: … wait until healthy"


@pytest.mark.parametrize("environment", [{**SMART, "CI": "true"}, {"TERM": "dumb"}])
def test_nothing_is_animated_in_ci_and_on_dumb_terminals(environment: dict[str, str]) -> None:
    lines = progress_of(StepStarted("vps", Phase.HEALTH), environment=environment)
    text = STYLE.sub("", "\n".join(lines))
    assert "\x1b" not in text
    assert len(lines) == 1


def test_an_ascii_log_gets_ascii_marks() -> None:
    stream = AsciiFile()
    with Progress(stream, {}) as progress:
        progress(StepStarted("vps", Phase.CONNECT, "…"))
        progress(HostFinished("vps", RESTORED))
    assert stream.text().startswith("vps: x connect ")


def test_a_stream_that_breaks_does_not_stop_the_run() -> None:
    stream = Terminal()
    with Progress(stream, SMART) as progress:
        stream.close()
        progress(StepStarted("vps", Phase.CONNECT))
        progress(Notice("vps", "still there"))

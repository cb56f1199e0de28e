"""The steps of a run, on a terminal that moves."""

from __future__ import annotations

import re

import pytest

from deployctl.events import (
    ConnectionBack,
    ConnectionLost,
    HostFinished,
    HostStarted,
    Notice,
    Phase,
    StepStarted,
)
from deployctl.render.terminal.progress import Progress
from tests.unit.render.terminal.real_terminal import (
    RealTerminal,
    on_terminal,
    screen_after,
    screen_of,
)
from tests.unit.render.terminal.shown import SMART, STYLE


def test_a_terminal_shows_the_running_step_and_keeps_those_that_are_over() -> None:
    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(HostStarted("vps", 1, 1))
        progress(StepStarted("vps", Phase.CONNECT))
        progress(StepStarted("vps", Phase.HEALTH, "enforcer-backend"))
        terminal.wait_for("⠙")  # a second frame: it moves
        progress(Notice("vps", "slow"))
        progress(HostFinished("vps"))

    written = on_terminal(work)
    assert [re.sub(r" +\d+\.\d s", " T", line) for line in screen_of(written)] == [
        "✓ connect T",
        "note: slow",
        "✓ wait until healthy T  enforcer-backend",
    ]
    assert "\x1b[32m" in written


def test_on_a_terminal_a_lost_connection_is_one_line_that_changes() -> None:
    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.HEALTH))
        for number in range(37):
            progress(ConnectionLost("vps", f"attempt {number}"))
        terminal.wait_for("attempt 36")
        seen.append(terminal.seen())
        progress(ConnectionBack("vps"))
        progress(HostFinished("vps"))

    seen: list[str] = []
    after = screen_of(on_terminal(work))
    (while_lost,) = screen_of(seen[0])
    assert re.search(r"no connection for \d\.\d s, connecting again: attempt 36", while_lost)
    assert [re.sub(r" +\d+\.\d s", " T", line) for line in after] == [
        "note: connected again after T",
        "✓ wait until healthy T",
    ]


def test_several_hosts_are_named() -> None:
    def work(progress: Progress, _: RealTerminal) -> None:
        progress(HostStarted("vps2", 2, 2))
        progress(StepStarted("vps2", Phase.CONNECT))
        progress(HostFinished("vps2"))

    assert screen_of(on_terminal(work))[0].startswith("vps2: ✓ connect")


def test_several_hosts_at_once_share_the_live_line() -> None:
    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(HostStarted("a", 1, 2))
        progress(HostStarted("b", 2, 2))
        progress(StepStarted("a", Phase.UP))
        progress(StepStarted("b", Phase.PROBE))
        terminal.wait_for(" · b: look at the host")

    on_terminal(work)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_the_cursor_is_hidden_while_it_runs_and_comes_back(error: KeyboardInterrupt | None) -> None:
    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.HEALTH))
        terminal.wait_for("wait until healthy")
        if error:
            raise error

    written = on_terminal(work)
    assert written.startswith("\x1b[?25l")
    assert not screen_after(written).cursor.hidden
    assert screen_of(written)[0].startswith("✗" if error else "✓")


def test_the_live_line_never_wraps() -> None:
    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.FETCH, "漢" * 100))
        terminal.wait_for("…")
        seen.append(terminal.seen())

    seen: list[str] = []
    on_terminal(work, width=40)
    assert len(screen_of(seen[0], width=40)) == 1


def test_no_color_takes_the_colours_but_not_the_movement() -> None:
    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.HEALTH))
        terminal.wait_for("⠙")

    assert STYLE.search(on_terminal(work, environment={**SMART, "NO_COLOR": "1"})) is None

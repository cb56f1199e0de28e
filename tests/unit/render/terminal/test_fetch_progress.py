"""How far the image is: in the live line of a terminal, and now and then in a log."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest

from deployctl.errors import RefusedError
from deployctl.events import HostFinished, HostStarted, ImageComing, Phase, StepStarted
from deployctl.render.terminal.progress import Progress, so_far
from tests.unit.render.terminal.real_terminal import RealTerminal, on_terminal, screen_of

IMAGE = "registry.example.com/enforcer:sha-1a2b3c4"
FETCH = StepStarted("vps", Phase.FETCH, IMAGE)


def coming(layers: int, downloaded: int, unpacked: int = 0, host: str = "vps") -> ImageComing:
    return ImageComing(host, layers, downloaded, unpacked)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (coming(12, 0), "0/12 layers downloaded"),
        (coming(12, 7), "7/12 layers downloaded"),
        (coming(12, 12, 4), "12/12 layers downloaded, 4 unpacked"),
        (coming(1, 0), "0/1 layer downloaded"),
        (
            ImageComing("vps", 12, 7, 0, 340_000_000, 1_200_000_000),
            "7/12 layers downloaded, 340 MB of 1.2 GB",
        ),
        (
            ImageComing("vps", 12, 7, 1, 340_000_000, None),
            "7/12 layers downloaded, 1 unpacked, 340 MB",
        ),
        (
            ImageComing("vps", 12, 12, 1, 1_200_000_000, 1_200_000_000),
            "12/12 layers downloaded, 1 unpacked",
        ),
    ],
)
def test_how_far_an_image_is_reads_well(image: ImageComing, expected: str) -> None:
    assert so_far(image) == expected


# ---------------------------------------------------------------- a log


class Hand:
    """Timers that go off when the test says so, and the clock that they go by."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set: list[Hand.Timer] = []

    def clock(self) -> float:
        return self.now

    def timer(self, seconds: float, function: Callable[[], None]) -> threading.Timer:
        return Hand.Timer(self, self.now + seconds, function)

    def pass_to(self, now: float) -> None:
        while due := [timer for timer in self.set if timer.due <= now]:
            first = min(due, key=lambda timer: timer.due)
            self.set.remove(first)
            self.now = first.due
            first.function()
        self.now = now

    class Timer(threading.Timer):
        def __init__(self, hand: Hand, due: float, function: Callable[[], None]) -> None:
            super().__init__(due, function)
            self._hand = hand
            self.due = due

        def start(self) -> None:
            self._hand.set.append(self)

        def cancel(self) -> None:
            if self in self._hand.set:
                self._hand.set.remove(self)


class Log:
    """A log, and the progress that is written into it."""

    def __init__(self, **environment: str) -> None:
        self.stream = io.StringIO()
        self.hand = Hand()
        self.progress = Progress(
            self.stream, environment, clock=self.hand.clock, timer=self.hand.timer
        )

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_a_log_says_every_15_s_how_far_the_image_is() -> None:
    log = Log(CI="true")
    with log.progress as progress:
        progress(FETCH)
        log.hand.pass_to(16)
        progress(coming(12, 2))
        progress(coming(12, 3))
        log.hand.pass_to(50)
        progress(coming(12, 12, 4))
        log.hand.pass_to(65)
        progress(StepStarted("vps", Phase.UP))
        log.hand.pass_to(300)
    assert log.lines() == [
        "vps: … fetch the image           15.0 s",
        "vps: … fetch the image           30.0 s  3/12 layers downloaded",
        "vps: … fetch the image           45.0 s  3/12 layers downloaded",
        "vps: … fetch the image           1 min 00 s  12/12 layers downloaded, 4 unpacked",
        f"vps: ✓ fetch the image           1 min 05 s  {IMAGE}",
        "vps: ✓ recreate the service      3 min 55 s",
    ]


def test_a_log_says_nothing_of_an_image_that_is_there_sooner() -> None:
    log = Log()
    with log.progress as progress:
        progress(FETCH)
        progress(coming(2, 0))
        progress(coming(2, 2, 2))
        log.hand.pass_to(14.9)
        progress(HostFinished("vps", RefusedError("x", "x")))
        log.hand.pass_to(100)
        progress(coming(2, 2, 2))
    assert log.lines() == [f"vps: ✗ fetch the image           14.9 s  {IMAGE}"]
    assert log.hand.set == []


def test_each_host_has_its_own_15_s() -> None:
    log = Log()
    with log.progress as progress:
        progress(FETCH)
        log.hand.pass_to(10)
        progress(StepStarted("second", Phase.FETCH))
        progress(coming(9, 1))
        progress(coming(8, 2, host="second"))
        log.hand.pass_to(26)
    assert log.lines()[:2] == [
        "vps: … fetch the image           15.0 s  1/9 layers downloaded",
        "second: … fetch the image           15.0 s  2/8 layers downloaded",
    ]


def test_the_usual_timer_goes_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployctl.render.terminal.progress._STILL_FETCHING", 0.01)
    written = threading.Event()

    class Log(io.StringIO):
        def flush(self) -> None:
            written.set()

    with Progress(Log(), {}) as progress:
        progress(FETCH)
        assert written.wait(10)


# ---------------------------------------------------------------- a terminal


def test_a_terminal_shows_in_its_live_line_how_far_the_image_is() -> None:
    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(HostStarted("vps", 1, 1))
        progress(FETCH)
        terminal.wait_for(IMAGE)
        progress(ImageComing("vps", 12, 7, 0, 340_000_000, 1_200_000_000))
        terminal.wait_for("s  7/12 layers downloaded, 340 MB of 1.2 GB")
        progress(HostFinished("vps"))

    [line] = screen_of(on_terminal(work))
    assert line.startswith("✓ fetch the image")
    assert line.endswith(IMAGE)


def test_no_line_is_written_every_15_s_where_one_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployctl.render.terminal.progress._STILL_FETCHING", 0.0)

    def work(progress: Progress, terminal: RealTerminal) -> None:
        progress(FETCH)
        terminal.wait_for("⠙")

    assert len(screen_of(on_terminal(work))) == 1

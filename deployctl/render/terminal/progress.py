"""What a run is doing, while it does it: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from deployctl.errors import BusyError, RefusedError, RestoredError
from deployctl.events import (
    ConnectionBack,
    ConnectionLost,
    Event,
    HostFinished,
    HostStarted,
    ImageComing,
    Notice,
    Phase,
    RunEnded,
    StepEnded,
    StepStarted,
)
from deployctl.render.harmless import LONGEST_NAME
from deployctl.render.terminal.columns import columns, pad
from deployctl.render.terminal.page import BOLD, DIM, GREEN, RED, YELLOW, Page, animates
from deployctl.render.units import duration, plural, size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from deployctl.render.terminal.live import LiveLine
    from deployctl.render.terminal.wrapping import Piece

_LABELS = {
    Phase.CONNECT: "connect",
    Phase.PROBE: "look at the host",
    Phase.FETCH: "fetch the image",
    Phase.WAIT: "wait for the lock",
    Phase.TAG: "set the tag",
    Phase.DEPENDENCIES: "start dependencies",
    Phase.UP: "recreate the service",
    Phase.HEALTH: "wait until healthy",
    Phase.PERSIST: "keep the tag in .env",
    Phase.RESTORE: "put the old release back",
}
_LABEL_WIDTH = max(map(len, _LABELS.values()))
_DURATION_WIDTH = len("59.9 s")
_REFUSED = "refused"
_INDENT = 2
_STILL_FETCHING = 15.0  # seconds from one line of a log to the next
_FIRST_REMINDER = 10.0  # seconds without a connection, then twice as many, and so on


class _Step:
    """A step that runs.

    Attributes:
        phase: which.
        detail: what it is about.
        began: when, on the observer's clock.
        at: when, by the host's record; None: it is not known.
        until: when it was over, by the host's record.
        so_far: how far it is; empty: not known.
        reminder: will say that it still runs; None: nothing will.
    """

    __slots__ = ("at", "began", "detail", "phase", "reminder", "so_far", "until")

    def __init__(self, phase: Phase, detail: str, began: float, at: float | None) -> None:
        self.phase = phase
        self.detail = detail
        self.began = began
        self.at = at
        self.until: float | None = None
        self.so_far = ""
        self.reminder: threading.Timer | None = None

    def took(self, now: float) -> float:
        """Seconds: of a run that is followed afterwards, only the host's record tells them."""
        if self.at is None or self.until is None:
            return now - self.began
        return max(self.until, self.at) - self.at


class _Loss:
    """A connection that is lost: since when, why, and when to say so again."""

    __slots__ = ("again", "reason", "since")

    def __init__(self, reason: str, since: float) -> None:
        self.reason = reason
        self.since = since
        self.again = _FIRST_REMINDER


def so_far(image: ImageComing) -> str:
    """Return how far an image is: "7/12 layers downloaded, 340 MB of 1.2 GB"."""
    parts = [f"{image.downloaded}/{plural(image.layers, 'layer')} downloaded"]
    if image.unpacked:
        parts.append(f"{image.unpacked} unpacked")
    if image.received is not None and image.downloaded < image.layers:
        of = "" if image.size is None else f" of {size(image.size)}"
        parts.append(f"{size(image.received)}{of}")
    return ", ".join(parts)


class Progress:
    """The observer of a deploy or rollback; also a context manager, which owns the live line.

    Each step is one line when it is over: a mark, what it was and how long it took. On a
    terminal the running one is shown below, animated. In CI, with TERM=dumb and into files there
    is no animation, and a long fetch says every 15 s how far it is; NO_COLOR takes the colours
    only. Events may come from several threads.
    It never fails: a run must not stop because nobody can read about it.

    Args:
        stream: stderr, usually.
        environment: TERM, NO_COLOR and CI are looked at.
        verbose: without animation, also write a line when a step begins.
        clock: seconds that only go up.
        timer: makes what calls a function after so many seconds, once it is started.
    """

    def __init__(
        self,
        stream: TextIO,
        environment: Mapping[str, str],
        *,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
        timer: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
    ) -> None:
        self._page = Page.of(stream, environment)
        self._animated = animates(stream, environment)
        self._live: LiveLine | None = None
        self._announces = verbose and not self._animated
        self._clock = clock
        self._timer = timer
        self._steps: dict[str, _Step] = {}
        self._losses: dict[str, _Loss] = {}
        self._named = not self._animated  # a log is read out of context: it names the host always
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        if self._animated:
            from deployctl.render.terminal.live import LiveLine

            self._live = LiveLine(self._page.stream, self._running_steps, color=self._page.color)
            self._quietly(self._live.start)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with self._lock:
                for host in list(self._steps):
                    self._end_step(host, well=kind is None)
        finally:  # a second Ctrl-C must not leave the terminal without a cursor
            if self._live:
                self._quietly(self._live.stop)
                self._live = None

    def __call__(self, event: Event) -> None:
        """Take notice of one event."""
        with self._lock:
            match event:
                case HostStarted():
                    self._named = self._named or event.count > 1
                case StepStarted():
                    self._mark_time(event.host, event.at)
                    # What was going on when the old release had to be put back has failed.
                    self._end_step(event.host, well=event.phase is not Phase.RESTORE)
                    self._begin_step(event)
                case StepEnded():
                    self._end_step(event.host, well=True)
                case RunEnded():
                    self._mark_time(event.host, math.nan if event.at is None else event.at)
                case ImageComing():
                    self._note_how_far(event)
                case HostFinished():
                    self._finish(event)
                case ConnectionLost():
                    self._lose(event)
                case ConnectionBack():
                    self._find_again(event.host)
                case Notice():
                    self._note(event.host, self._page.show(event.text))

    def _begin_step(self, event: StepStarted) -> None:
        detail = self._page.show(event.detail, limit=LONGEST_NAME)
        step = self._steps[event.host] = _Step(event.phase, detail, self._clock(), event.at)
        if event.phase is Phase.FETCH and not self._animated:
            self._remind_later(event.host, step)
        if self._announces:
            self._print(*self._host(event.host), f"{self._page.ellipsis} {_LABELS[event.phase]}")

    def _note_how_far(self, image: ImageComing) -> None:
        if step := self._steps.get(image.host):
            step.so_far = so_far(image)

    def _remind_later(self, host: str, step: _Step) -> None:
        step.reminder = self._timer(_STILL_FETCHING, lambda: self._remind(host, step))
        step.reminder.daemon = True
        step.reminder.start()

    def _remind(self, host: str, step: _Step) -> None:
        with self._lock:
            if self._steps.get(host) is step:
                self._print(*self._step(host, step, self._page.ellipsis, step.so_far))
                self._remind_later(host, step)

    def _mark_time(self, host: str, at: float | None) -> None:
        if step := self._steps.get(host):
            step.until = at

    def _finish(self, event: HostFinished) -> None:
        self._losses.pop(event.host, None)
        # A rule that refuses is asked between two steps: neither of them has failed.
        if event.host not in self._steps and isinstance(event.error, (RefusedError, BusyError)):
            self._refuse(event.host, event.error)
        self._end_step(event.host, well=self._ended_well(event))

    def _refuse(self, host: str, error: RefusedError | BusyError) -> None:
        gates = [result.gate for result in error.gate_results if result.ran and not result.passed]
        label = pad(_REFUSED, _LABEL_WIDTH + 2 + _DURATION_WIDTH) if gates else _REFUSED
        by = f"  gate: {self._page.show(gates[0], limit=LONGEST_NAME)}" if gates else ""
        self._print(*self._host(host), (self._page.no, RED), f" {label}", (by, DIM))

    def _lose(self, event: ConnectionLost) -> None:
        """On a terminal the live line says it, in a log a line that comes back less and less."""
        reason = self._page.show(event.reason, limit=LONGEST_NAME)
        loss = self._losses.get(event.host)
        if loss is None:
            self._losses[event.host] = _Loss(reason, self._clock())
            if not self._animated:
                self._note(event.host, f"{reason}; connecting again")
            return
        loss.reason = reason
        away = self._clock() - loss.since
        if not self._animated and away >= loss.again:
            loss.again = 2 * away
            self._note(event.host, f"{reason}; still connecting again after {duration(away)}")

    def _find_again(self, host: str) -> None:
        if loss := self._losses.pop(host, None):
            self._note(host, f"connected again after {duration(self._clock() - loss.since)}")

    def _ended_well(self, event: HostFinished) -> bool:
        step = self._steps.get(event.host)
        restoring = step is not None and step.phase is Phase.RESTORE
        return event.error is None or (restoring and isinstance(event.error, RestoredError))

    def _end_step(self, host: str, *, well: bool) -> None:
        step = self._steps.pop(host, None)
        if step is None:
            return
        if step.reminder:
            step.reminder.cancel()
        mark = (self._page.yes, GREEN) if well else (self._page.no, RED)
        self._print(*self._step(host, step, mark, step.detail))

    def _step(self, host: str, step: _Step, mark: Piece, detail: str) -> list[Piece]:
        took = pad(duration(step.took(self._clock())), _DURATION_WIDTH, right=True)
        label = pad(_LABELS[step.phase], _LABEL_WIDTH)
        pieces: list[Piece] = [*self._host(host), mark, f" {label}  ", (took, DIM)]
        return [*pieces, "  ", (detail, DIM)] if detail else pieces

    def _host(self, host: str) -> list[Piece]:
        return [(f"{self._page.show(host)}: ", BOLD)] if self._named else []

    def _note(self, host: str, text: str) -> None:
        indent = len("note: ") + (columns(self._page.show(f"{host}: ")) if self._named else 0)
        self._print(*self._host(host), ("note: ", YELLOW), text, indent=indent)

    def _print(self, *pieces: Piece, indent: int = _INDENT) -> None:
        for line in self._page.lines(*pieces, indent=indent):
            if self._live:
                self._quietly(self._live.print, line)
            else:
                self._quietly(self._write, f"{line}\n")

    def _running_steps(self) -> str:
        """What the live line says; asked for from its own thread."""
        with self._lock:
            hosts = dict.fromkeys([*self._steps, *self._losses])
            return self._page.encodable(" · ").join(map(self._running, hosts))

    def _running(self, host: str) -> str:
        name = f"{self._page.show(host)}: " if self._named else ""
        if loss := self._losses.get(host):
            away = duration(self._clock() - loss.since)
            return f"{name}no connection for {away}, connecting again: {loss.reason}"
        step = self._steps[host]
        took = pad(duration(self._clock() - step.began), _DURATION_WIDTH, right=True)
        detail = step.so_far or step.detail
        detail = f"  {detail}" if detail else ""
        width = _LABEL_WIDTH if len(self._steps) == 1 else columns(_LABELS[step.phase])
        return f"{name}{pad(_LABELS[step.phase], width)}  {took}{detail}"

    def _write(self, text: str) -> None:
        self._page.stream.write(text)
        self._page.stream.flush()

    def _quietly(self, write: Callable[..., object], *arguments: str) -> None:
        """The terminal may go away, or the stream be closed: the run goes on."""
        with suppress(OSError, ValueError):
            write(*arguments)

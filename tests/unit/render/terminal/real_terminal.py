"""A pseudo-terminal, and what is on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
import time
from collections.abc import Callable
from typing import Any

import pyte

from deployctl.render.terminal.progress import Progress
from tests.unit.render.terminal.shown import SMART


class RealTerminal:
    """A pseudo-terminal and what was written to it."""

    def __init__(self, width: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._seen = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            self._seen += data

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 10
        while text.encode() not in self._seen:
            assert time.monotonic() < deadline, self._seen
            time.sleep(0.01)

    def seen(self) -> str:
        return self._seen.decode(errors="ignore")

    def close(self) -> str:
        self.stream.close()
        self._reader.join(timeout=10)
        os.close(self._master)
        return self._seen.decode()


def on_terminal(
    work: Callable[[Progress, RealTerminal], None],
    *,
    width: int = 80,
    environment: dict[str, str] | None = None,
) -> str:
    terminal = RealTerminal(width)
    try:
        with Progress(terminal.stream, environment or SMART) as progress:
            work(progress, terminal)
    except KeyboardInterrupt:
        pass
    return terminal.close()


def screen_after(written: str, width: int = 80) -> Any:
    """Return the screen of a terminal that was sent this."""
    screen = pyte.Screen(width, 24)
    pyte.Stream(screen).feed(written)
    return screen


def screen_of(written: str, width: int = 80) -> list[str]:
    """Return the lines that are on the screen in the end."""
    lines = [line.rstrip() for line in screen_after(written, width).display]
    return [line for line in lines if line]

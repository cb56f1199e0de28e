"""One animated line at the bottom of a terminal, by Rich; finished lines are printed above it.

Imported on a terminal only: elsewhere nothing moves, and Rich takes longer to import than a whole
status of a host takes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from deployctl.render.terminal.page import terminal_width

_REFRESHES = 10  # a second


class _LastingStream:
    """A terminal that may go away while Rich's own thread still draws: then nothing is drawn."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class LiveLine:
    """The line, from `start` to `stop`.

    Args:
        stream: the terminal.
        color: whether colours are wanted; NO_COLOR leaves the animation.
        text: returns what the line says now; empty: there is no line.
    """

    def __init__(self, stream: TextIO, text: Callable[[], str], *, color: bool) -> None:
        console = Console(
            file=cast("TextIO", _LastingStream(stream)),
            # Rich would measure the process's own terminal, which need not be this one.
            width=terminal_width(stream, {}),
            force_terminal=True,
            no_color=not color,
            markup=False,
            highlight=False,
            emoji=False,
        )
        spinner = "dots" if console.encoding.lower().startswith("utf") else "line"
        self._spinner = Spinner(spinner, style="green")
        self._text = text
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        """Show the line and hide the cursor."""
        self._live.start()

    def stop(self) -> None:
        """Remove the line and show the cursor again."""
        self._live.stop()

    def print(self, line: str) -> None:
        """Print a line above, with its own colours; the terminal wraps it, nothing cuts it."""
        self._live.console.print(Text.from_ansi(line), soft_wrap=True)

    def _render(self) -> RenderableType:
        text = self._text()
        if not text:
            return Text()
        frame = self._spinner.render(self._live.console.get_time())
        # Not as the spinner's own text: that one wraps, and a wrapped line cannot be redrawn.
        return Text.assemble(
            frame if isinstance(frame, Text) else "", " ", text, no_wrap=True, overflow="ellipsis"
        )

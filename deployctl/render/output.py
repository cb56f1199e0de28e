"""Where results go: one JSON document or text for people on stdout, errors on stderr.

The modules that do the rendering are imported when there is something to render: `--help` and
a refused tag need neither tables nor JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from deployctl.errors import DeployctlError

if TYPE_CHECKING:
    from deployctl.model import HistoryResult, RolloutResult, StatusResult


class Output:
    """What one call of deployctl prints.

    Args:
        json: whether programs read it.
        environment: TERM, NO_COLOR and COLUMNS are looked at.
        out: for the answer.
        err: for everything else.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        json: bool,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self._json = json
        self._environment = environment
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def rollout(self, result: RolloutResult, exit_status: int) -> None:
        """Print how a deploy or rollback went, and what went wrong."""
        if self._json:
            from deployctl.render import json

            self._write(json.rollout(result, exit_status))
        else:
            from deployctl.render import human

            with _reader_may_leave(self._out):
                human.rollout(result, out=self._out, color=self._color(self._out), now=_now())
        for outcome in result.outcomes:
            if outcome.error:
                self._error_for_people(outcome.error)

    def status(self, rows: Sequence[StatusResult], exit_status: int) -> None:
        """Print what hosts run."""
        if self._json:
            from deployctl.render import json

            self._write(json.status(rows, exit_status))
        else:
            from deployctl.render.status_table import status

            with _reader_may_leave(self._out):
                status(
                    rows,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                    now=_now(),
                )

    def history(self, results: Sequence[HistoryResult], exit_status: int) -> None:
        """Print what hosts have recorded."""
        if self._json:
            from deployctl.render import json

            self._write(json.history(results, exit_status))
        else:
            from deployctl.render.history_table import history

            with _reader_may_leave(self._out):
                history(
                    results,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                    now=_now(),
                )

    def error(self, error: DeployctlError, command: str) -> None:
        """Print an error that left no result."""
        if self._json:
            from deployctl.render import json

            self._write(json.error(error, command))
        self._error_for_people(error)

    def _write(self, text: str) -> None:
        with _reader_may_leave(self._out):
            self._out.write(text)

    def _error_for_people(self, error: DeployctlError) -> None:
        from deployctl.render import human

        with _reader_may_leave(self._err):
            human.error(error, err_stream=self._err, color=self._color(self._err))

    def _color(self, stream: TextIO) -> bool:
        from deployctl.render.terminal import wants_color

        return wants_color(stream, self._environment)

    def _width(self, stream: TextIO) -> int:
        from deployctl.render.terminal import terminal_width

        return terminal_width(stream, self._environment)


@contextmanager
def _reader_may_leave(stream: TextIO) -> Iterator[None]:
    """Who reads may stop (deployctl history | head): the exit status still tells the truth."""
    try:
        yield
        stream.flush()
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _now() -> datetime:
    return datetime.now(UTC)

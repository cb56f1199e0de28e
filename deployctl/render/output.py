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
    from deployctl.checkup import CheckResult
    from deployctl.events import Observer
    from deployctl.holds import HoldResult
    from deployctl.lint.findings import Report
    from deployctl.model import HistoryResult, RolloutResult, StatusResult
    from deployctl.render.github import Workflow


class Output:
    """What one call of deployctl prints.

    Args:
        json: whether programs read it.
        environment: TERM, NO_COLOR, COLUMNS and, in a workflow, GITHUB_* are looked at.
        github: whether to tell a workflow that deployctl runs in.
        out: for the answer.
        err: for everything else.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        json: bool,
        github: bool = True,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self._json = json
        self._environment = environment
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        in_workflow = github and environment.get("GITHUB_ACTIONS") == "true"
        self._workflow = self._make_workflow() if in_workflow else None

    def observer(self, observer: Observer) -> Observer:
        """Return an observer that tells a workflow, too, where a rollout is."""
        return self._workflow.grouping(observer) if self._workflow else observer

    def rollout(self, result: RolloutResult, exit_status: int) -> None:
        """Print how a deploy or rollback went, and what went wrong."""
        if self._workflow:
            self._workflow.rollout(result, exit_status)
        if self._json:
            from deployctl.render import json

            self._write(json.rollout(result, exit_status))
        else:
            from deployctl.render import human

            with _reader_may_leave(self._out):
                human.rollout(
                    result,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                    now=_now(),
                )
        for outcome in result.outcomes:
            if outcome.error:
                self._error_for_people(outcome.error)

    def status(self, rows: Sequence[StatusResult], exit_status: int) -> None:
        """Print what hosts run."""
        if self._workflow:
            self._workflow.status(rows, exit_status)
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

    def history(
        self, results: Sequence[HistoryResult], exit_status: int, *, events: bool = False
    ) -> None:
        """Print what hosts have recorded: their runs, or with `events` each line."""
        if self._workflow:
            self._workflow.history(results, exit_status)
        if self._json:
            from deployctl.render import json

            self._write(json.history(results, exit_status))
        else:
            from deployctl.render.history_table import history

            with _reader_may_leave(self._out):
                history(
                    results,
                    events=events,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                    now=_now(),
                )

    def lint(self, report: Report, exit_status: int, *, sarif: bool) -> None:
        """Print what a check of workflows found; `sarif`: as such a log."""
        if self._json:
            from deployctl.render import json

            self._write(json.lint(report, exit_status))
            return
        from deployctl.render import lint

        if sarif:
            self._write(lint.sarif(report))
            return
        with _reader_may_leave(self._out):
            lint.findings(report, out=self._out, color=self._color(self._out))

    def check(self, results: Sequence[CheckResult], exit_status: int) -> None:
        """Print whether hosts could take a deploy, and what to mend."""
        if self._json:
            from deployctl.render import json

            self._write(json.check(results, exit_status))
        else:
            from deployctl.render.check_table import check

            with _reader_may_leave(self._out):
                check(
                    results,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                )

    def holds(self, results: Sequence[HoldResult], command: str, exit_status: int) -> None:
        """Print what became of a hold on each host, and what went wrong."""
        if self._workflow:
            self._workflow.answered(exit_status)
        if self._json:
            from deployctl.render import json

            self._write(json.holds(results, command, exit_status))
        else:
            from deployctl.render.hold_lines import holds

            with _reader_may_leave(self._out):
                holds(
                    results,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                )
        for result in results:
            if result.error:
                self._error_for_people(result.error)

    def error(self, error: DeployctlError, command: str) -> None:
        """Print an error that left no result."""
        if self._workflow:
            self._workflow.ended(error)
        if self._json:
            from deployctl.render import json

            self._write(json.error(error, command))
        self._error_for_people(error)

    def _write(self, text: str) -> None:
        with _reader_may_leave(self._out):
            self._out.write(text)

    def _error_for_people(self, error: DeployctlError) -> None:
        from deployctl.render import human

        color = self._color(self._err)
        with _reader_may_leave(self._err):
            if self._workflow:
                self._workflow.evidence(error)
            evidence = self._workflow is None
            human.error(
                error,
                err_stream=self._err,
                color=color,
                evidence=evidence,
                width=self._width(self._err),
            )
            if self._workflow:
                self._workflow.failed(error)

    def _make_workflow(self) -> Workflow:
        from deployctl.render.github import Workflow

        return Workflow(self._environment, self._err)

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

"""Where results go: one JSON document or text for people on stdout, errors on stderr.

What a command did on a host does not become undone because nobody can read about it. Where the
answer cannot be written (disk full, stream closed), a command that changes something ends with the
status of its outcome all the same; one that only asks, whose answer is all that it does, never
with 0. docs/decisions/0018-an-answer-that-cannot-be-written.md says why.

The modules that do the rendering are imported when there is something to render: `--help` and
a refused tag need neither tables nor JSON.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import errorcode
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO, TypeVar

from deployctl import suggest, workflow_events
from deployctl.errors import EXIT_OK, UNTOUCHED, DeployctlError, UsageError
from deployctl.render.publication import Publication

if TYPE_CHECKING:
    from deployctl.checkup import CheckResult
    from deployctl.events import Observer
    from deployctl.holds import HoldResult
    from deployctl.inventory import Inventory
    from deployctl.lint.findings import Report
    from deployctl.model import HistoryResult, RolloutResult, StatusResult
    from deployctl.render.github import Workflow

T = TypeVar("T")


class Output:
    """What one call of deployctl prints. Each method returns the exit status to end with.

    Args:
        json: whether programs read it.
        environment: TERM, NO_COLOR, COLUMNS and, in a workflow, GITHUB_* are looked at.
        github: whether to tell a workflow that deployctl runs in.
        inventory: says what is not told; None: it could not be read, or none is needed.
        out: for the answer.
        err: for everything else.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        json: bool,
        github: bool = True,
        inventory: Inventory | None = None,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self._json = json
        self._environment = environment
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._unwritten: Unwritten | None = None
        in_workflow = github and workflow_events.in_workflow(environment)
        self._workflow = self._make_workflow() if in_workflow else None
        self._publication = Publication(environment, inventory)

    def observer(self, observer: Observer) -> Observer:
        """Return an observer that tells a workflow, too, where a rollout is, and no secrets."""
        told = self._workflow.grouping(observer) if self._workflow else observer
        return lambda event: told(self._publication.of(event))

    def rollout(self, result: RolloutResult, exit_status: int) -> int:
        """Print how a deploy or rollback went, and what went wrong."""
        result = self._public(result, [outcome.error for outcome in result.outcomes])
        if self._workflow:
            self._workflow.rollout(result, exit_status)
        if self._json:
            from deployctl.render import json

            self._write(json.rollout(result, exit_status))
        else:
            from deployctl.render import human

            with self._answering():
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
        if result.dry_run:
            return self._asked(exit_status)
        return self._changed(exit_status, result.service)

    def status(self, rows: Sequence[StatusResult], exit_status: int) -> int:
        """Print what hosts run."""
        rows = self._public(rows, [row.error for row in rows])
        if self._workflow:
            self._workflow.status(rows, exit_status)
        if self._json:
            from deployctl.render import json

            self._write(json.status(rows, exit_status))
        else:
            from deployctl.render.status_table import status

            with self._answering():
                status(
                    rows,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                    now=_now(),
                )
        return self._asked(exit_status)

    def history(
        self, results: Sequence[HistoryResult], exit_status: int, *, events: bool = False
    ) -> int:
        """Print what hosts have recorded: their runs, or with `events` each line."""
        results = self._public(results, [result.error for result in results])
        if self._workflow:
            self._workflow.history(results, exit_status)
        if self._json:
            from deployctl.render import json

            self._write(json.history(results, exit_status))
        else:
            from deployctl.render.history_table import history

            with self._answering():
                history(
                    results,
                    events=events,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                    now=_now(),
                )
        return self._asked(exit_status)

    def lint(self, report: Report, exit_status: int, *, sarif: bool) -> int:
        """Print what a check of workflows found; `sarif`: as such a log."""
        if self._json:
            from deployctl.render import json

            self._write(json.lint(report, exit_status))
            return self._asked(exit_status)
        from deployctl.render import lint

        if sarif:
            self._write(lint.sarif(report))
            return self._asked(exit_status)
        with self._answering():
            lint.findings(
                report,
                out=self._out,
                color=self._color(self._out),
                width=self._width(self._out),
            )
        return self._asked(exit_status)

    def check(self, results: Sequence[CheckResult], exit_status: int) -> int:
        """Print whether hosts could take a deploy, and what to fix."""
        results = self._public(results)
        if self._json:
            from deployctl.render import json

            self._write(json.check(results, exit_status))
        else:
            from deployctl.render.check_table import check

            with self._answering():
                check(
                    results,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                )
        return self._asked(exit_status)

    def holds(self, results: Sequence[HoldResult], command: str, exit_status: int) -> int:
        """Print what became of a hold on each host, and what went wrong."""
        results = self._public(results, [result.error for result in results])
        if self._workflow:
            self._workflow.answered(exit_status)
        if self._json:
            from deployctl.render import json

            self._write(json.holds(results, command, exit_status))
        else:
            from deployctl.render.hold_lines import holds

            with self._answering():
                holds(
                    results,
                    out=self._out,
                    color=self._color(self._out),
                    width=self._width(self._out),
                )
        for result in results:
            if result.error:
                self._error_for_people(result.error)
        return self._changed(exit_status, results[0].service)

    def error(self, error: DeployctlError, command: str) -> int:
        """Print an error that left no result; where its document cannot be written, both."""
        error = self._public(error, [error])
        if self._workflow:
            self._workflow.ended(error)
        if self._json:
            from deployctl.render import json

            self._write(json.error(error, command))
        self._error_for_people(error)
        return self._asked(error.exit_status)

    def _public(self, value: T, errors: Sequence[DeployctlError | None] = ()) -> T:
        """Return what may be said of it. What is taken out here, another step may still say."""
        if self._workflow:
            for error in errors:
                self._workflow.mask(self._publication.without_logs(error))
        return self._publication.of(value)

    def _write(self, text: str) -> None:
        with self._answering():
            self._out.write(text)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Write the answer. Who reads it may stop (deployctl history | head): that is no error."""
        try:
            yield
            self._out.flush()
        except BrokenPipeError:
            discard(self._out)
        except OSError as error:
            self._unwritten = Unwritten(error, place_of(self._out))
            discard(self._out)

    def _changed(self, exit_status: int, service: str) -> int:
        """The status of a command whose outcome counts, whoever could read of it."""
        if self._unwritten:
            told = f"exit status {exit_status} tells how it ended"
            state = "what was asked for is done" if exit_status == EXIT_OK else told
            hint = suggest.deployctl("status", service)
            self._error_for_people(unwritable(*self._unwritten, state=state, hint=hint))
        return exit_status

    def _asked(self, exit_status: int) -> int:
        """The status of a command that did nothing if its answer could not be written."""
        if not self._unwritten:
            return exit_status
        error = unwritable(*self._unwritten)
        self._error_for_people(error)
        return exit_status or error.exit_status

    def _error_for_people(self, error: DeployctlError) -> None:
        from deployctl.render import human

        color = self._color(self._err)
        with quietly(self._err):
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


class Unwritten(NamedTuple):
    """Why an answer could not be written, or not all of it, and where."""

    error: OSError
    place: str


def unwritable(
    error: OSError,
    place: str,
    *,
    state: str = UNTOUCHED,
    hint: str = "make room there, or send the answer somewhere else, and ask again",
) -> UsageError:
    """Return the error for an answer that could not be written, or not all of it."""
    name = f" ({errorcode[error.errno]})" if error.errno else ""
    return UsageError(
        "output-unwritable",
        f"the answer could not be written to {place}: {error.strerror or error}{name}",
        state=state,
        hint=hint,
    )


def place_of(stream: TextIO) -> str:
    """Return where standard output goes, with the file's name as far as Linux tells it."""
    try:
        path = str(Path(f"/proc/self/fd/{stream.fileno()}").readlink())
    except (OSError, ValueError):
        path = ""
    if path == os.devnull:  # nothing fails there, unless it stands for a stream that is closed
        return "standard output, which is closed"
    return f"standard output, {path}" if path.startswith("/") else "standard output"


@contextmanager
def quietly(stream: TextIO) -> Iterator[None]:
    """Write what no outcome depends on: a stream that takes nothing more is no error."""
    try:
        yield
        stream.flush()
    except (OSError, ValueError):
        discard(stream)


def discard(stream: TextIO) -> None:
    """Let what is still to be written to a stream vanish: Python flushes once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _now() -> datetime:
    return datetime.now(UTC)

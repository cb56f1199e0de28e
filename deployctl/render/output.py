"""Where results go: one JSON document or text for people on stdout, errors on stderr.

What a command did on a host does not become undone because nobody can read about it. Where the
answer cannot be written (disk full, stream closed), a command that changes something ends with the
status of its outcome all the same; one that only asks, whose answer is all that it does, never
with 0. docs/decisions/0018-an-answer-that-cannot-be-written.md says why.

The modules that do the rendering are imported when there is something to render: `--help` and
a refused tag need neither tables nor JSON, and a table needs no other table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from errno import EINTR
from functools import partial
from typing import TYPE_CHECKING, TextIO, TypeVar

from deployctl import workflow_events
from deployctl.errors import EXIT_OK, DeployctlError
from deployctl.release import suggest
from deployctl.render.later import Later
from deployctl.render.secrets.publication import Publication
from deployctl.render.unwritable import discard, place_of, quietly, unwritable

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.inventory import Inventory
    from deployctl.lint.findings import Report
    from deployctl.release.abort import AbortResult
    from deployctl.release.check import CheckFinding, CheckResult
    from deployctl.release.hold import HoldResult
    from deployctl.release.results import HistoryResult, RolloutResult, StatusResult
    from deployctl.render import json
    from deployctl.render import sarif as sarif_log
    from deployctl.render.github import job as github_job
    from deployctl.render.terminal import (
        abort_lines,
        check_table,
        error_lines,
        history_table,
        hold_lines,
        lint_lines,
        rollout_lines,
        status_table,
    )
    from deployctl.render.terminal.page import Page
else:
    json = Later("deployctl.render.json")
    sarif_log = Later("deployctl.render.sarif")
    abort_lines = Later("deployctl.render.terminal.abort_lines")
    check_table = Later("deployctl.render.terminal.check_table")
    error_lines = Later("deployctl.render.terminal.error_lines")
    github_job = Later("deployctl.render.github.job")
    history_table = Later("deployctl.render.terminal.history_table")
    hold_lines = Later("deployctl.render.terminal.hold_lines")
    lint_lines = Later("deployctl.render.terminal.lint_lines")
    rollout_lines = Later("deployctl.render.terminal.rollout_lines")
    status_table = Later("deployctl.render.terminal.status_table")

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
        # Why an answer could not be written, or not all of it, and where.
        self._unwritten: tuple[OSError, str] | None = None
        in_workflow = github and workflow_events.in_workflow(environment)
        self._job = github_job.GithubJob(environment, self._err) if in_workflow else None
        self._publication = Publication(environment, inventory)

    def observer(self, observer: Observer) -> Observer:
        """Return an observer that tells a workflow, too, where a rollout is, and no secrets."""
        everybody = self._job.grouping(observer) if self._job else observer
        return lambda event: everybody(self._publication.of(event))

    def rollout(self, result: RolloutResult, exit_status: int) -> int:
        """Print how a deploy or rollback went, and what went wrong."""
        result = self._public(result, [outcome.error for outcome in result.outcomes])
        tell = partial(
            self._show,
            job=lambda job: job.rollout(result, exit_status),
            document=lambda: json.rollout(result, exit_status),
            text=lambda page: rollout_lines.rollout(page, result, _now()),
            failures=[outcome.error for outcome in result.outcomes],
        )
        if not result.dry_run:
            return self._changed(tell, exit_status, result.service)
        tell()
        return self._asked(exit_status)

    def holds(self, results: Sequence[HoldResult], command: str, exit_status: int) -> int:
        """Print what became of a hold on each host, and what went wrong."""
        results = self._public(results, [result.error for result in results])
        tell = partial(
            self._show,
            job=lambda job: job.ended(exit_status),
            document=lambda: json.holds(results, command, exit_status),
            text=lambda page: hold_lines.holds(page, results),
            failures=[result.error for result in results],
        )
        return self._changed(tell, exit_status, results[0].service)

    def aborts(self, results: Sequence[AbortResult], exit_status: int) -> int:
        """Print what became of a run on each host, and what went wrong."""
        from deployctl.release.abort import failures

        results = self._public(results, [result.error for result in results])
        tell = partial(
            self._show,
            job=lambda job: job.ended(exit_status),
            document=lambda: json.aborts(results, exit_status),
            text=lambda page: abort_lines.aborts(page, results),
            failures=failures(results),
        )
        return self._changed(tell, exit_status, results[0].service)

    def status(self, rows: Sequence[StatusResult], exit_status: int) -> int:
        """Print what hosts run."""
        rows = self._public(rows, [row.error for row in rows])
        self._show(
            job=lambda job: job.status(rows, exit_status),
            document=lambda: json.status(rows, exit_status),
            text=lambda page: status_table.status(page, rows, _now()),
        )
        return self._asked(exit_status)

    def history(
        self, results: Sequence[HistoryResult], exit_status: int, *, events: bool = False
    ) -> int:
        """Print what hosts have recorded: their runs, or with `events` each line."""
        results = self._public(results, [result.error for result in results])
        self._show(
            job=lambda job: job.history(results, exit_status),
            document=lambda: json.history(results, exit_status),
            text=lambda page: history_table.history(page, results, _now(), events=events),
        )
        return self._asked(exit_status)

    def check(self, results: Sequence[CheckResult], exit_status: int) -> int:
        """Print whether hosts could take a deploy, and what to fix."""
        results = self._public(results, [f for result in results for f in result.findings])
        self._show(
            job=lambda job: job.check(results, exit_status),
            document=lambda: json.check(results, exit_status),
            text=lambda page: check_table.check(page, results),
        )
        return self._asked(exit_status)

    def lint(self, report: Report, exit_status: int, *, sarif: bool) -> int:
        """Print what a check of workflows found; `sarif`: as such a log."""
        if sarif:
            self._write(sarif_log.sarif(report))
        else:
            self._show(
                document=lambda: json.lint(report, exit_status),
                text=lambda page: lint_lines.findings(page, report),
            )
        return self._asked(exit_status)

    def error(self, error: DeployctlError, command: str) -> int:
        """Print an error that left no result; where its document cannot be written, both."""
        error = self._public(error, [error])
        self._show(
            job=lambda job: job.error(error),
            document=lambda: json.error(error, command),
            failures=[error],
        )
        return self._asked(error.exit_status)

    def _public(self, value: T, failures: Sequence[DeployctlError | CheckFinding | None]) -> T:
        """Return what may be said of it. What is taken out here, another step may still say."""
        for failure in failures:
            if failure and self._job:
                self._job.mask(self._publication.without_logs(failure))
        return self._publication.of(value)

    def _show(
        self,
        *,
        job: Callable[[github_job.GithubJob], None] | None = None,
        document: Callable[[], str],
        text: Callable[[Page], None] | None = None,
        failures: Sequence[DeployctlError | None] = (),
    ) -> None:
        """Show an answer wherever it is to be shown, and what went wrong on stderr.

        Args:
            job: tells the workflow; None: this kind of answer has nothing for it.
            document: returns it for programs.
            text: writes it for people; None: there is nothing to read on stdout.
            failures: what went wrong; None: something that did not.
        """
        if job and self._job:
            job(self._job)
        if self._json:
            self._write(document())
        elif text:
            with self._answering():
                text(self._page(self._out))
        for failure in failures:
            if failure:
                self._explain(failure)

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
            self._unwritten = (error, place_of(self._out))
            discard(self._out)

    def _changed(self, tell: Callable[[], None], exit_status: int, service: str) -> int:
        """The status of a command whose outcome counts, whoever could read of it."""
        try:
            tell()
        except KeyboardInterrupt:  # cuts the answer, and takes nothing back
            self._unwritten = (InterruptedError(EINTR, "stopped by a signal"), place_of(self._out))
            discard(self._out)
        if self._unwritten:
            said = f"exit status {exit_status} tells how it ended"
            state = "what was asked for is done" if exit_status == EXIT_OK else said
            hint = suggest.deployctl("status", service)
            self._explain(unwritable(*self._unwritten, state=state, hint=hint))
        return exit_status

    def _asked(self, exit_status: int) -> int:
        """The status of a command that did nothing if its answer could not be written."""
        if not self._unwritten:
            return exit_status
        error = unwritable(*self._unwritten)
        self._explain(error)
        return exit_status or error.exit_status

    def _explain(self, error: DeployctlError) -> None:
        """Say on stderr what went wrong, in which state the host is and what to do."""
        page = self._page(self._err)
        with quietly(self._err):
            if self._job:
                self._job.evidence(error)
            error_lines.error(page, error, evidence=self._job is None)
            if self._job:
                self._job.failed(error)

    def _page(self, stream: TextIO) -> Page:
        from deployctl.render.terminal.page import Page

        return Page.of(stream, self._environment)


def _now() -> datetime:
    return datetime.now(UTC)

"""GitHub Actions: what a step of a workflow tells its run, beside what it prints.

Annotations and groups are commands in the log. They go to stderr, which a runner reads like
stdout, so that `--json` stays one document. Outputs and the summary go into the files that the
runner names. The texts are made by pure functions; here is the edge that writes them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from deployctl.errors import DeployctlError
from deployctl.events import HostFinished, HostStarted
from deployctl.release import suggest
from deployctl.release.reference import is_digest
from deployctl.render.github import run_annotations, step_outputs, step_summary
from deployctl.render.github.workflow_commands import END_GROUP, annotation, group, mask, outputs
from deployctl.render.harmless import last_lines
from deployctl.render.secrets.redaction import secrets_in
from deployctl.render.terminal.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import BinaryIO

    from deployctl.events import Event, Observer
    from deployctl.lint.findings import Report
    from deployctl.release.check import CheckFinding, CheckResult
    from deployctl.release.results import HistoryResult, RolloutResult, StatusResult

_LOST = {
    "GITHUB_OUTPUT": "the outputs of this step are missing or incomplete",
    "GITHUB_STEP_SUMMARY": "the summary of this step is missing or incomplete",
}


class GithubJob:
    """The job of a workflow that deployctl runs in, and the step that it is.

    Args:
        environment: GITHUB_OUTPUT and GITHUB_STEP_SUMMARY name the files to write.
        log: where commands go: stderr.
    """

    def __init__(self, environment: Mapping[str, str], log: TextIO) -> None:
        self._environment = environment
        self._page = Page(log, color=False)

    def rollout(self, result: RolloutResult, exit_status: int) -> None:
        """Tell how a deploy or rollback went; its errors: see `failed`."""
        self._set_outputs(step_outputs.of_rollout(result, exit_status))
        self._summarise(step_summary.rollout(result))

    def status(self, rows: Sequence[StatusResult], exit_status: int) -> None:
        """Tell what hosts run; what is not as it should be is an annotation."""
        self._commands(run_annotations.of_status(rows, exit_status))
        self._set_outputs(step_outputs.of_status(rows, exit_status))
        self._summarise(step_summary.status(rows))

    def history(self, results: Sequence[HistoryResult], exit_status: int) -> None:
        """Tell which hosts could not be asked."""
        for result in results:
            if result.error:
                self.failed(result.error)
        self.ended(exit_status)

    def check(self, results: Sequence[CheckResult], exit_status: int) -> None:
        """Tell what keeps hosts from taking a deploy, or soon will."""
        self._commands(run_annotations.of_check(results))
        self.ended(exit_status)

    def lint(self, report: Report) -> None:
        """Annotate each finding beside the line that it is about."""
        self._commands(run_annotations.of_lint(report))

    def ended(self, exit_status: int) -> None:
        """Tell how a command ended that has neither a release nor a run to tell of."""
        self._set_outputs(step_outputs.of_ending(exit_status))

    def error(self, error: DeployctlError) -> None:
        """Tell of an error that left no result; the annotation: see `failed`."""
        self.ended(error.exit_status)
        self._summarise(step_summary.error(error))

    def evidence(self, error: DeployctlError) -> None:
        """Show an error's evidence, folded: a container's log, say."""
        lines = last_lines(error.details)
        if not any(map(str.strip, lines)):
            return
        self._command(group(f"What is known ({error.code})"))
        for line in lines:
            self._page.line("  | ", self._page.encodable(line))
        self._command(END_GROUP)

    def failed(self, error: DeployctlError) -> None:
        """Annotate the run with an error: what happened, the state of the host, what to do."""
        self._command(run_annotations.of_error(error))

    def grouping(self, observer: Observer) -> Observer:
        """Return an observer that also folds the steps on each of several hosts."""

        def observe(event: Event) -> None:
            if isinstance(event, HostStarted) and event.count > 1:
                self._command(group(f"{event.host} ({event.position} of {event.count})"))
                several.add(event.host)
            observer(event)
            if isinstance(event, HostFinished) and event.host in several:
                self._command(END_GROUP)

        several: set[str] = set()
        return observe

    def mask(self, failure: DeployctlError | CheckFinding) -> None:
        """Have the runner mask the secrets of some evidence: another step may say them.

        Whoever writes a container's log chooses what looks like a secret in it, and a runner drops
        the outputs of a job in which a mask occurs: nothing that the run itself is about is masked.
        """
        github = (value for n, value in self._environment.items() if n.startswith("GITHUB_"))
        public = "\n".join([*_said_of(failure), *github])
        for secret in secrets_in(failure.details):
            if secret not in public and not _is_name_of_a_release(secret):
                self._command(mask(secret))

    # ------------------------------------------------------------ the edge

    def _commands(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._command(line)

    def _command(self, line: str) -> None:
        """Write a command; whoever does not read the log must not stop a run."""
        with suppress(OSError, ValueError):
            self._page.stream.write(self._page.encodable(line) + "\n")
            self._page.stream.flush()

    def _set_outputs(self, values: Mapping[str, str]) -> None:
        text = outputs(values, f"deployctl_{os.urandom(16).hex()}")
        self._append("GITHUB_OUTPUT", lambda _: text)

    def _summarise(self, sections: Sequence[str]) -> None:
        self._append(
            "GITHUB_STEP_SUMMARY",
            lambda size: step_summary.fitting(sections, step_summary.LIMIT - size),
        )

    def _append(self, variable: str, text: Callable[[int], str]) -> None:
        """Append to a file that the runner names; without one, say so and go on.

        Args:
            variable: that names the file.
            text: returns what to append to a file of so many bytes.
        """
        try:
            _append(self._environment.get(variable, ""), text)
        except (OSError, ValueError) as error:
            path = self._environment.get(variable)
            why = f"({path}) cannot be written: {_reason(error)}" if path else "is not set"
            message = f"{variable} {why}; {_LOST[variable]}"
            self._command(annotation("warning", "deployctl", message))


def _said_of(failure: DeployctlError | CheckFinding) -> tuple[str, ...]:
    """What is told of it beside its evidence."""
    if not isinstance(failure, DeployctlError):
        return (failure.message, failure.remedy)
    evidence = (result.evidence for result in failure.gate_results)
    return (failure.message, failure.state, failure.hint, *failure.about.values(), *evidence)


def _is_name_of_a_release(text: str) -> bool:
    return is_digest(text) or suggest.is_tag(text) or suggest.has_form_of_run(text)


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _append(path: str, text: Callable[[int], str]) -> None:
    if not path:
        raise ValueError("no path")
    with Path(path).open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.write(_after(file, size) + text(size + 1).encode())


def _after(file: BinaryIO, size: int) -> bytes:
    """Return what must stand first: somebody's last line may lack its end."""
    if not size:
        return b""
    file.seek(size - 1)
    return b"" if file.read(1) == b"\n" else b"\n"

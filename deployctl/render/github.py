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

from deployctl import errors, suggest
from deployctl.events import HostFinished, HostStarted
from deployctl.image import is_digest
from deployctl.render import step_outputs, step_summary
from deployctl.render.redaction import secrets_in
from deployctl.render.terminal import Page
from deployctl.render.text import safe_lines
from deployctl.render.workflow_commands import END_GROUP, annotation, group, mask, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

    from deployctl.errors import DeployctlError
    from deployctl.events import Event, Observer
    from deployctl.model import HistoryResult, RolloutResult, StatusResult
    from deployctl.render.workflow_commands import Level

_MOST_DETAILS = 200
_TITLES = {
    errors.EXIT_BUG: "deployctl: a bug",
    errors.EXIT_USAGE: "deployctl: wrong usage or inventory",
    errors.EXIT_REFUSED: "deployctl: refused, nothing was changed",
    errors.EXIT_UNREACHABLE: "deployctl: the host cannot be reached, trusted or used",
    errors.EXIT_BUSY: "deployctl: busy, nothing was changed",
    errors.EXIT_RESTORED: "deployctl: failed, the previous release is back",
    errors.EXIT_BROKEN: "deployctl: failed and not restored, a person is needed",
    errors.EXIT_UNKNOWN: "deployctl: connection lost, the run goes on",
    errors.EXIT_INTERRUPTED: "deployctl: interrupted",
}


_LOST = {
    "GITHUB_OUTPUT": "the outputs of this step are missing or incomplete",
    "GITHUB_STEP_SUMMARY": "the summary of this step is missing or incomplete",
}


class Workflow:
    """The step of a workflow that deployctl runs in.

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
        for row in rows:
            if row.error:
                self.failed(row.error)
            elif not row.in_sync:
                wanted = exit_status == errors.EXIT_DRIFT
                message = f"{row.service} on {row.host} is {row.state.value}"
                self._annotate("error" if wanted else "warning", "deployctl: status", message)
        self._set_outputs(step_outputs.of_status(rows, exit_status))
        self._summarise(step_summary.status(rows))

    def history(self, results: Sequence[HistoryResult], exit_status: int) -> None:
        """Tell which hosts could not be asked."""
        for result in results:
            if result.error:
                self.failed(result.error)
        self.answered(exit_status)

    def answered(self, exit_status: int) -> None:
        """Tell how a command ended that has neither a release nor a run to tell of."""
        self._set_outputs(step_outputs.of_ending(exit_status))

    def ended(self, error: DeployctlError) -> None:
        """Tell of an error that left no result."""
        self.answered(error.exit_status)
        self._summarise(step_summary.error(error))

    def evidence(self, error: DeployctlError) -> None:
        """Show an error's evidence, folded: a container's log, say."""
        details = error.details[-_MOST_DETAILS:]
        lines = [line for text in details for line in safe_lines(text)]
        if not any(map(str.strip, lines)):
            return
        self._command(group(f"What is known ({error.code})"))
        for line in lines[-_MOST_DETAILS:]:
            self._page.line("  | ", self._page.encodable(line))
        self._command(END_GROUP)

    def failed(self, error: DeployctlError) -> None:
        """Annotate the run with an error: what happened, the state of the host, what to do."""
        title = _TITLES.get(error.exit_status, "deployctl")
        state = f"\nstate: {error.state}" if error.state else ""
        hint = f"\nnext: {error.hint}" if error.hint else ""
        self._annotate("error", title, f"{error.message}{state}{hint}")

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

    def mask(self, error: DeployctlError | None) -> None:
        """Have the runner mask the secrets of an error's evidence: another step may say them.

        Whoever writes a container's log chooses what looks like a secret in it, and a runner drops
        the outputs of a job in which a mask occurs: nothing that the run itself is about is masked.
        """
        if error is None:
            return
        told = (error.message, error.state, error.hint, *(v.evidence for v in error.verdicts))
        github = (value for n, value in self._environment.items() if n.startswith("GITHUB_"))
        public = "\n".join([*error.about.values(), *told, *github])
        for secret in secrets_in(error.details):
            if secret not in public and not _is_name_of_a_release(secret):
                self._command(mask(secret))

    # ------------------------------------------------------------ the edge

    def _annotate(self, level: Level, title: str, message: str) -> None:
        self._command(annotation(level, title, message))

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
            self._annotate("warning", "deployctl", f"{variable} {why}; {_LOST[variable]}")


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

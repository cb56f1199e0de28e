"""Pure: results and errors → the annotations of a workflow's run, each a command in its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl import errors
from deployctl.render.github.workflow_commands import annotation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deployctl.errors import DeployctlError
    from deployctl.lint.findings import Report
    from deployctl.release.check import CheckResult
    from deployctl.release.results import StatusResult
    from deployctl.render.github.workflow_commands import Level

_TITLES = {
    errors.EXIT_BUG: "deployctl: a bug",
    errors.EXIT_USAGE: "deployctl: wrong usage or inventory",
    errors.EXIT_REFUSED: "deployctl: refused, nothing was changed",
    errors.EXIT_UNREACHABLE: "deployctl: the host cannot be reached, trusted or used",
    errors.EXIT_BUSY: "deployctl: busy, nothing was changed",
    errors.EXIT_RESTORED: "deployctl: failed, the previous release is back",
    errors.EXIT_BROKEN: "deployctl: failed and not restored, a person is needed",
    errors.EXIT_UNKNOWN: "deployctl: connection lost, the outcome is not known",
    errors.EXIT_INTERRUPTED: "deployctl: interrupted",
}


def of_error(error: DeployctlError) -> str:
    """Return the annotation of an error: what happened, the state of the host, what to do."""
    title = _TITLES.get(error.exit_status, "deployctl")
    state = f"\nstate: {error.state}" if error.state else ""
    return annotation("error", title, f"{error.message}{state}{_next(error.hint)}")


def of_status(rows: Sequence[StatusResult], exit_status: int) -> Iterator[str]:
    """Return those of a status: what is not as it should be, an error if that was to be checked."""
    level: Level = "error" if exit_status == errors.EXIT_DRIFT else "warning"
    for row in rows:
        if row.error:
            yield of_error(row.error)
        elif not row.in_sync:
            message = f"{row.service} on {row.host} is {row.state.value}"
            yield annotation(level, "deployctl: status", message)


def of_check(results: Sequence[CheckResult]) -> Iterator[str]:
    """Return those of a check: a problem is an error, a warning is one."""
    from deployctl.release.check import Severity

    levels: dict[Severity, Level] = {Severity.PROBLEM: "error", Severity.WARNING: "warning"}
    for result in results:
        for finding in result.findings:
            if level := levels.get(finding.severity):
                message = f"{result.service} on {result.host}: {finding.message}"
                yield annotation(level, "deployctl: check", message + _next(finding.remedy))


def of_lint(report: Report) -> Iterator[str]:
    """Return those of a check of workflows, each beside the line that it is about."""
    from deployctl.lint import RULES

    for finding in report.findings:
        place = finding.place
        where = {"file": place.file, "line": place.line, "col": place.column}
        message = f"{finding.reason}. {RULES[finding.rule].why} Fix: {finding.fix}"
        yield annotation("warning", f"deployctl: {finding.rule}", message, where)


def _next(hint: str) -> str:
    return f"\nnext: {hint}" if hint else ""

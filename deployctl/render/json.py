"""Results and errors as one JSON document each, for programs: docs/json.md is the contract.

`output.schema.json` describes the documents; a field is never removed or given another meaning
under the same `schema`. What is not known is null, lists are never null.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deployctl.errors import DeployctlError, GateResult
    from deployctl.lint.findings import Finding, Report
    from deployctl.release.abort import AbortResult
    from deployctl.release.check import CheckFinding, CheckResult
    from deployctl.release.hold import Hold, HoldResult
    from deployctl.release.release import Release
    from deployctl.release.results import (
        Container,
        HistoryResult,
        HostOutcome,
        RecordedRun,
        RolledBackTo,
        RolloutResult,
        StatusResult,
        UnfinishedRun,
    )

SCHEMA = "deployctl/1"

_LARGEST_NUMBER = 2**53
_ENTRY_TEXTS = (
    "run",
    "at",
    "event",
    "action",
    "service",
    "tag",
    "digest",
    "image_id",
    "image_store",
    "files",
    "by",
    "source",
    "run_url",
    "workflow",
    "commit",
    "reason",
    "found",
    "serves",
    "rung",
    "aborted_by",
)

_Object = dict[str, Any]


def rollout(result: RolloutResult, exit_status: int) -> str:
    """Return the document of a deploy or rollback; `error` is that of the host that failed."""
    failed = next((outcome.error for outcome in result.outcomes if outcome.error), None)
    return _document(
        result.action.value,
        exit_status,
        failed,
        {
            "service": result.service,
            "tag": _optional(result.tag),
            "seconds": _number(result.seconds),
            "hosts": [_outcome(outcome) for outcome in result.outcomes],
            "not_attempted": list(result.not_attempted),
        },
    )


def status(rows: Sequence[StatusResult], exit_status: int) -> str:
    """Return the document of a status; an unreachable host's error stands in its row."""
    return _document("status", exit_status, None, {"services": [_status(row) for row in rows]})


def history(results: Sequence[HistoryResult], exit_status: int) -> str:
    """Return the document of a history: each host's lines as in its file, and its runs."""
    return _document("history", exit_status, None, {"hosts": [_history(r) for r in results]})


def lint(report: Report, exit_status: int) -> str:
    """Return the document of a check of workflows; findings are no error of the command."""
    return _document(
        "lint",
        exit_status,
        None,
        {
            "files": list(report.files),
            "deploys": report.deploys,
            "findings": [_finding(finding) for finding in report.findings],
        },
    )


def check(results: Sequence[CheckResult], exit_status: int) -> str:
    """Return the document of a check; what was found stands in the findings, not in `error`."""
    return _document("check", exit_status, None, {"services": [_checked(r) for r in results]})


def holds(results: Sequence[HoldResult], command: str, exit_status: int) -> str:
    """Return the document of a hold or unhold; `error` is that of the first host that failed."""
    failed = next((result.error for result in results if result.error), None)
    return _document(command, exit_status, failed, {"hosts": [_held(r) for r in results]})


def aborts(results: Sequence[AbortResult], exit_status: int) -> str:
    """Return the document of an abort; `error` is the first that counts."""
    from deployctl.release.abort import failures

    failed = next(iter(failures(results)), None)
    return _document("abort", exit_status, failed, {"hosts": [_aborted(r) for r in results]})


def error(err: DeployctlError, command: str) -> str:
    """Return the document of a command that failed before it had a result.

    Args:
        err: why.
        command: its name; empty where not even that is known.
    """
    gates = {"verdicts": [_gate(result) for result in err.gate_results]} if err.gate_results else {}
    return _document(command, err.exit_status, err, gates)


def _document(
    command: str, exit_status: int, failed: DeployctlError | None, content: _Object
) -> str:
    document = {
        "schema": SCHEMA,
        "command": command,
        "ok": exit_status == 0,
        "exit_status": exit_status,
        "error": _error(failed),
        **content,
    }
    text = json.dumps(_clean(document), ensure_ascii=True, allow_nan=False)
    # DEL is a control character that JSON allows; `##[` anywhere in a line is an order to a
    # workflow runner. Neither can occur outside of a string, so both can be written as escapes.
    return text.replace("\x7f", "\\u007f").replace("##[", "#\\u0023[") + "\n"


def _clean(value: Any) -> Any:
    """Replace lone surrogates, which many JSON parsers refuse."""
    if isinstance(value, str):
        return value if value.isascii() else _paired(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _paired(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# ---------------------------------------------------------------- values


def _error(err: DeployctlError | None) -> _Object | None:
    if err is None:
        return None
    return {
        "code": err.code,
        "message": err.message,
        "state": err.state,
        "hint": _optional(err.hint),
        "details": list(err.details),
        "exit_status": err.exit_status,
    }


def _release(release: Release | None) -> _Object | None:
    if release is None:
        return None
    return {
        "tag": release.tag,
        "image_id": release.image_id,
        "digest": _optional(release.digest),
    }


def _target(target: RolledBackTo | None) -> _Object | None:
    if target is None:
        return None
    return {
        "release": _release(target.release),
        "deployed_at": _optional(target.deployed_at),
        "by": _optional(target.by),
    }


def _outcome(outcome: HostOutcome) -> _Object:
    run = outcome.result
    return {
        "host": outcome.host,
        "ok": run is not None and outcome.error is None,
        "outcome": run.outcome if run else "failed",
        "release": _release(run.release if run else None),
        "previous": _release(run.previous if run else None),
        "target": _target(run.target if run else None),
        "run": _optional(run.run) if run else None,
        "seconds": _number(run.seconds) if run else None,
        "verdicts": [_gate(result) for result in outcome.gate_results],
        "commands": list(run.commands) if run else [],
        "notes": list(run.notes) if run else [],
        "error": _error(outcome.error),
    }


def _gate(result: GateResult) -> _Object:
    return {
        "gate": result.gate,
        "ran": result.ran,
        "passed": result.passed,
        "evidence": result.evidence,
    }


def _status(row: StatusResult) -> _Object:
    rollback = _target(row.rollback)
    if rollback is not None:
        rollback["image_present"] = row.rollback_image_present
    return {
        "host": row.host,
        "service": row.service,
        "state": row.state.value,
        "running": _release(row.running),
        "recorded": _release(row.recorded),
        **_optionals(row, "health", "revision", "since", "deployed_at", "deployed_by", "run_url"),
        "rollback": rollback,
        **_optionals(row, "rollback_refusal", "hold", "busy"),
        "run_in_progress": _unfinished(row.run_in_progress),
        "interrupted_run": _unfinished(row.interrupted_run),
        "notes": list(row.notes),
        "containers": [_container(container) for container in row.containers],
        "error": _error(row.error),
        "seconds": _number(row.seconds),
    }


def _unfinished(run: UnfinishedRun | None) -> _Object | None:
    return _optionals(run, "run", "action", "service", "tag", "by", "since") if run else None


def _container(container: Container) -> _Object:
    return {
        "id": container.id,
        "name": container.name,
        "image": str(container.reference),
        "image_id": container.image_id,
        "status": container.status,
        "health": container.health.value,
        "exit_code": container.exit_code,
        "restarts": container.restarts,
        "started_at": _optional(container.started_at),
    }


def _checked(result: CheckResult) -> _Object:
    return {
        "host": result.host,
        "service": result.service,
        "ready": result.ready,
        "findings": [_check_finding(finding) for finding in result.findings],
        "seconds": _number(result.seconds),
    }


def _check_finding(finding: CheckFinding) -> _Object:
    return {
        "check": finding.check,
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "remedy": _optional(finding.remedy),
        "details": list(finding.details),
    }


def _held(result: HoldResult) -> _Object:
    return {
        "host": result.host,
        "service": result.service,
        "ok": result.error is None,
        "outcome": result.outcome.value,
        "hold": _hold(result.hold),
        "before": _hold(result.before),
        "busy": _optional(result.busy),
        "error": _error(result.error),
    }


def _aborted(result: AbortResult) -> _Object:
    return {
        "host": result.host,
        "service": result.service,
        "ok": result.error is None,
        "outcome": result.outcome.value,
        "run": _unfinished(result.run),
        "serves": _optional(result.serves),
        "rung": _optional(result.rung),
        "error": _error(result.error),
    }


def _hold(hold: Hold | None) -> _Object | None:
    return {"by": hold.by, "at": hold.at, "reason": hold.reason} if hold else None


def _history(result: HistoryResult) -> _Object:
    return {
        "host": result.host,
        "entries": [_entry(entry) for entry in result.entries],
        "runs": [_recorded_run(run) for run in result.runs],
        "problems": list(result.problems),
        "error": _error(result.error),
    }


def _recorded_run(run: RecordedRun) -> _Object:
    return {
        "run": run.run,
        "service": run.service,
        "action": run.action,
        "release": _release(run.release),
        "previous": _release(run.previous),
        "outcome": run.outcome.value,
        **_optionals(run, "reason", "by", "source", "run_url", "started_at", "ended_at"),
        "seconds": _number(run.seconds),
        "unchanged": run.unchanged,
        "aborted_by": _optional(run.aborted_by),
    }


def _entry(entry: Mapping[str, object]) -> _Object:
    """Return an entry's known fields; one that has not the kind it should have is null."""
    previous = entry.get("previous")
    return {
        "seq": _integer(entry.get("seq")),
        **{name: _text(entry.get(name)) for name in _ENTRY_TEXTS},
        "run_number": _integer(entry.get("run_number")),
        "run_attempt": _integer(entry.get("run_attempt")),
        "previous": _previous(previous) if isinstance(previous, dict) else None,
        "seconds": _number(entry.get("seconds")),
        "unchanged": entry.get("unchanged") is True,
    }


def _previous(value: Mapping[str, object]) -> _Object:
    return {name: _text(value.get(name)) for name in ("tag", "image_id", "digest")}


def _finding(finding: Finding) -> _Object:
    return {
        "file": finding.place.file,
        "line": finding.place.line,
        "column": finding.place.column,
        "rule": finding.rule,
        "reason": finding.reason,
        "fix": finding.fix,
    }


def _text(value: object) -> str | None:
    return _optional(value) if isinstance(value, str) else None


def _optionals(value: object, *names: str) -> _Object:
    """Return texts of a value by their names; null: not known."""
    return {name: _optional(getattr(value, name)) for name in names}


def _optional(text: str) -> str | None:
    return text or None


def _integer(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) < _LARGEST_NUMBER else None


def _number(value: object) -> float | None:
    """Return seconds to the millisecond; null: not known."""
    if not isinstance(value, (int, float)) or not abs(value) < _LARGEST_NUMBER:
        return None
    return round(float(value), 3) if math.isfinite(value) else None

"""Pure: results → the outputs of a workflow's step; docs/github-actions.md is the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from deployctl import errors
from deployctl.release import suggest
from deployctl.release.reference import is_digest

if TYPE_CHECKING:
    from deployctl.release.results import HostOutcome, RolloutResult, StatusResult

NAMES = ("tag", "previous-tag", "digest", "outcome", "run", "exit-status")

# How a command ended that has no result to tell it.
OUTCOMES = {
    errors.EXIT_OK: "succeeded",
    errors.EXIT_BUG: "bug",
    errors.EXIT_USAGE: "usage",
    errors.EXIT_REFUSED: "refused",
    errors.EXIT_UNREACHABLE: "unreachable",
    errors.EXIT_BUSY: "busy",
    errors.EXIT_RESTORED: "restored",
    errors.EXIT_BROKEN: "broken",
    errors.EXIT_UNKNOWN: "unknown",
    errors.EXIT_DRIFT: "drifted",
    errors.EXIT_INTERRUPTED: "interrupted",
}
# Of results, from what says most about a rollout to what says least.
_OF_RESULTS = ("succeeded", "planned", "unchanged")


def of_rollout(result: RolloutResult, exit_status: int) -> dict[str, str]:
    """Return the outputs of a deploy, a rollback or a follow."""
    facts = [_of_host(outcome) for outcome in result.outcomes]
    ended = {outcome.result.outcome for outcome in result.outcomes if outcome.result}
    good = next((name for name in _OF_RESULTS if name in ended), OUTCOMES[errors.EXIT_OK])
    return {
        "tag": _agreed(_tag(values.get("tag") or result.tag) for values in facts),
        "previous-tag": _agreed(_tag(values.get("previous-tag", "")) for values in facts),
        "digest": _agreed(_digest(values.get("digest", "")) for values in facts),
        "outcome": good if exit_status == errors.EXIT_OK else _outcome(exit_status),
        "run": _runs(result, [_run(values.get("run", "")) for values in facts]),
        "exit-status": str(exit_status),
    }


def of_status(rows: Sequence[StatusResult], exit_status: int) -> dict[str, str]:
    """Return the outputs of a status: what runs, and where a rollback would go."""
    states = {row.state.value.replace(" ", "-") for row in rows}
    return {
        "tag": _agreed(_tag(row.running.tag) if row.running else "" for row in rows),
        "previous-tag": _agreed(
            _tag(row.rollback.release.tag) if row.rollback else "" for row in rows
        ),
        "digest": _agreed(_digest(row.running.digest) if row.running else "" for row in rows),
        "outcome": states.pop() if len(states) == 1 else "differs",
        "run": "",
        "exit-status": str(exit_status),
    }


def of_ending(exit_status: int) -> dict[str, str]:
    """Return the outputs of a command that has nothing else to tell."""
    known = {"outcome": _outcome(exit_status), "exit-status": str(exit_status)}
    return {name: known.get(name, "") for name in NAMES}


def _of_host(outcome: HostOutcome) -> dict[str, str]:
    run = outcome.result
    if run is None:
        return outcome.error.about if outcome.error else {}
    return {
        "tag": run.release.tag,
        "previous-tag": run.previous.tag if run.previous else "",
        "digest": run.release.digest,
        "run": run.run,
    }


def _tag(text: str) -> str:
    """Other steps trust an output: what a host says has the exact form, or is left out."""
    return text if suggest.is_tag(text) else ""


def _run(text: str) -> str:
    return text if suggest.has_form_of_run(text) else ""


def _digest(text: str) -> str:
    return text if is_digest(text) else ""


def _agreed(values: Iterable[str]) -> str:
    """Return what all hosts say; where they differ, nothing: half the truth would be used."""
    said = set(values)
    return said.pop() if len(said) == 1 else ""


def _runs(result: RolloutResult, runs: Sequence[str]) -> str:
    if len(runs) + len(result.not_attempted) == 1:
        return runs[0] if runs else ""
    named = zip((outcome.host for outcome in result.outcomes), runs, strict=True)
    return " ".join(f"{host}={run}" for host, run in named if run)


def _outcome(exit_status: int) -> str:
    return OUTCOMES.get(exit_status, OUTCOMES[errors.EXIT_BUG])

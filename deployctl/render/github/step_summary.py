"""Pure: results and errors → the Markdown of a workflow's step summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployctl.release import suggest
from deployctl.release.release import Action
from deployctl.render.github.markdown import code, escape, fence, table
from deployctl.render.harmless import LONGEST, LONGEST_NAME, last_lines, safe_lines
from deployctl.render.hint import Hint
from deployctl.render.units import duration

if TYPE_CHECKING:
    from deployctl.errors import DeployctlError, GateResult
    from deployctl.release.results import HostOutcome, RolloutResult, RunResult, StatusResult

LIMIT = 1024 * 1024
"""Bytes that GitHub takes of one step's summary; of a longer one it shows nothing."""

_LONGEST_LOG = 64 * 1024
_LONGEST_MESSAGE = 8000
_CUT = "\nWhat is missing here did not fit into the summary; the step's log has it.\n"
_DONE = {
    ("deploy", "succeeded"): "deployed",
    ("rollback", "succeeded"): "rolled back",
}


def rollout(result: RolloutResult) -> list[str]:
    """Return the sections of a deploy's or rollback's summary, the most important ones first."""
    failed = next((outcome.error for outcome in result.outcomes if outcome.error), None)
    runs = [outcome.result for outcome in result.outcomes if outcome.result]
    return [
        _heading(result, failed),
        _hosts(result),
        *(failure(failed) if failed else []),
        *_way_back(result, runs),
        *(_notes(run) for run in runs if run.notes),
        *(_commands(run) for run in runs if run.commands),
        *(_gates(o.host, o.gate_results) for o in result.outcomes if o.gate_results),
    ]


def status(rows: Sequence[StatusResult]) -> list[str]:
    """Return the sections of a status's summary."""
    head = ("Host", "Service", "Tag", "State", "Health", "Rollback to")
    return ["### deployctl status\n\n" + table(head, map(_status_row, rows))]


def error(err: DeployctlError) -> list[str]:
    """Return the sections of the summary of a command that failed before it had a result."""
    return ["### ❌ deployctl failed\n", *failure(err)]


def failure(err: DeployctlError) -> list[str]:
    """Return what happened, in which state the host is, what to do next, and the evidence."""
    lines = safe_lines(err.message, limit=_LONGEST_MESSAGE)
    facts = [
        ("What happened", "<br>".join(escape(line) for line in lines)),
        ("State of the host", escape(err.state)),
        ("What to do next", _hint(err.hint)),
        ("Exit status", f"{err.exit_status} ({code(err.code, limit=LONGEST_NAME)})"),
    ]
    listed = "".join(f"- **{name}:** {text}\n" for name, text in facts if text)
    return [listed, *_details(err)]


def _hint(text: str) -> str:
    prose, commands = Hint.of(text)
    parts = [escape(prose), *(code(command, limit=LONGEST) for command in commands)]
    return "<br>".join(part for part in parts if part)


def fitting(sections: Sequence[str], room: int) -> str:
    """Return as many of the sections, from the first, as fit into so many bytes.

    Nothing is cut within a section: half a fence would swallow what another call adds.
    """
    text = ""
    for section in sections:
        longer = f"{text}{section}\n"
        if len((longer + _CUT).encode()) > room:
            return text + _CUT if len(_CUT.encode()) <= room else ""
        text = longer
    return text


# ---------------------------------------------------------------- deploy and rollback


def _heading(result: RolloutResult, failed: DeployctlError | None) -> str:
    mark, ending = ("❌", " failed") if failed else ("✅", "")
    service = code(result.service, limit=LONGEST_NAME) if result.service else "follow"
    of = f" of {code(result.tag, limit=LONGEST_NAME)}" if result.tag else ""
    return f"### {mark} {service}: {result.action.value}{of}{ending}\n"


def _hosts(result: RolloutResult) -> str:
    head = ("Host", "Outcome", "From", "To", "Digest", "Took", "Run")
    not_attempted = ([escape(host), "not attempted", *"–––––"] for host in result.not_attempted)  # noqa: RUF001 - dashes
    rows = [*map(_host_row, result.outcomes), *not_attempted]
    return f"{table(head, rows)}\nAll in all {escape(duration(result.seconds))}.\n"


def _host_row(outcome: HostOutcome) -> list[str]:
    run, host = outcome.result, escape(outcome.host, limit=LONGEST_NAME)
    if run is None:
        about = outcome.error.about if outcome.error else {}
        facts = [about.get(name, "") for name in ("previous-tag", "tag", "digest")]
        what, took, run_id = "**failed**", code(""), about.get("run", "")
    else:
        facts = [run.previous.tag if run.previous else "", run.release.tag, run.release.digest]
        what = escape(_DONE.get((run.action.value, run.outcome), run.outcome))
        took, run_id = escape(duration(run.seconds)), run.run
    cells = [code(fact, limit=LONGEST_NAME) for fact in facts]
    return [host, what, *cells, took, code(run_id, limit=LONGEST_NAME)]


def _way_back(result: RolloutResult, runs: Sequence[RunResult]) -> list[str]:
    """The command that undoes this, for the person who finds the page at a bad moment."""
    changed = [run for run in runs if run.outcome == "succeeded"]
    failed = len(runs) < len(result.outcomes)
    if not changed:
        return [] if failed else ["Nothing was changed.\n"]
    # Where it failed is as the error says; only the hosts before that one have changed.
    only = [word for run in changed for word in ("--host", run.host)] if failed else []
    before = {run.previous.tag for run in changed if run.previous}
    if not before or (result.action is Action.ROLLBACK and len(before) > 1):
        return ["There is no earlier release to go back to.\n"]
    service = changed[0].service
    command = (
        suggest.deployctl("deploy", service, tag=before.pop(), more=only)
        if result.action is Action.ROLLBACK
        else suggest.deployctl("rollback", service, more=only)
    )
    return ["To undo this:\n\n" + fence([command], "sh")] if command else []


def _notes(run: RunResult) -> str:
    return "".join(f"- Note, {escape(run.host)}: {escape(note)}\n" for note in run.notes)


def _commands(run: RunResult) -> str:
    lines = [line for command in run.commands for line in safe_lines(command, limit=_LONGEST_LOG)]
    return f"What would run on {escape(run.host)}:\n\n{fence(lines, 'sh')}"


def _gates(host: str, results: Sequence[GateResult]) -> str:
    rows = (
        [_mark(result), code(result.gate, limit=LONGEST_NAME), escape(result.evidence)]
        for result in results
    )
    passed = sum(result.passed for result in results)
    title = f"{passed} of {len(results)} gates passed on {escape(host, limit=LONGEST_NAME)}"
    body = table(("", "Gate", "Evidence"), rows)
    return f"<details><summary>{title}</summary>\n\n{body}\n</details>\n"


def _mark(result: GateResult) -> str:
    if not result.ran:
        return "⚪"
    return "✅" if result.passed else "❌"


def _details(err: DeployctlError) -> list[str]:
    lines = _last(last_lines(err.details), _LONGEST_LOG)
    return [fence(lines)] if any(map(str.strip, lines)) else []


def _last(lines: Sequence[str], room: int) -> list[str]:
    """The last lines of a log say why it ended."""
    kept: list[str] = []
    for line in reversed(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]


# ---------------------------------------------------------------- status


def _status_row(row: StatusResult) -> list[str]:
    mark = "✅" if row.in_sync else "❌"
    why = f"<br>{escape(row.error.message)}" if row.error else ""
    hold = f"<br>{escape(row.hold)}" if row.hold else ""
    return [
        escape(row.host, limit=LONGEST_NAME),
        code(row.service, limit=LONGEST_NAME),
        code(row.running.tag if row.running else "", limit=LONGEST_NAME),
        f"{mark} {escape(row.state.value)}{why}{hold}",
        escape(row.health, limit=LONGEST_NAME) or code(""),
        code(row.rollback.release.tag if row.rollback else "", limit=LONGEST_NAME),
    ]

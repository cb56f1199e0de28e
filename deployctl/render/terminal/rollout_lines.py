"""How a deploy or rollback went, as text for people: a line for each host, and its notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.release.release import Action
from deployctl.release.results import HostOutcome, RolloutResult, RunResult
from deployctl.render.harmless import LONGEST_NAME, safe_lines
from deployctl.render.terminal.columns import pad
from deployctl.render.terminal.page import BOLD, DIM, GREEN, RED, YELLOW
from deployctl.render.units import ago, duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from deployctl.errors import GateResult
    from deployctl.render.terminal.page import Page
    from deployctl.render.terminal.wrapping import Piece

_LONGEST_COMMAND = 50_000


def rollout(page: Page, result: RolloutResult, now: datetime) -> None:
    """Write how a deploy or rollback went: a line for each host, and what belongs to it.

    The text of a host's error is not part of it (see `error_lines`); a run on a single host that
    failed therefore writes nothing, but for a dry run what the gates said.

    Args:
        page: where to.
        result: of the run.
        now: for "2 h ago"; aware.
    """
    several = len(result.outcomes) + len(result.not_attempted) > 1
    for outcome in result.outcomes:
        if outcome.result:
            _run(page, outcome.result, now)
        elif several:
            _failure(page, outcome)
        if result.dry_run and outcome.error:
            _gates(page, outcome.gate_results)
    for host in result.not_attempted:
        page.line((f"{page.show(host)}: ", BOLD), ("not attempted", YELLOW))


def _run(page: Page, run: RunResult, now: datetime) -> None:
    page.text((f"{page.show(run.host)}: ", BOLD), *_summary(page, run), indent=2)
    if run.target and run.outcome != "unchanged":
        who = f" by {page.show(run.target.by, limit=LONGEST_NAME)}" if run.target.by else ""
        when = page.encodable(ago(run.target.deployed_at, now))
        tag = page.show(run.target.release.tag, limit=LONGEST_NAME)
        page.text((f"  {tag} was deployed {when}{who}", DIM), indent=4)
    _gates(page, [g for g in run.gate_results if run.outcome == "planned" or _matters(g)])
    for command in run.commands:
        _command(page, command)
    for note in run.notes:
        page.text(("  note: ", YELLOW), page.show(note), indent=len("  note: "))


def _summary(page: Page, run: RunResult) -> list[Piece]:
    service = page.show(run.service, limit=LONGEST_NAME)
    tag = (page.show(run.release.tag, limit=LONGEST_NAME), BOLD)
    before = page.show(run.previous.tag, limit=LONGEST_NAME) if run.previous else ""
    well = ("healthy" if run.health_checked else "up (it has no health check)", GREEN)
    if run.outcome == "unchanged":
        return [f"{service} already runs ", tag, ", ", well, ": nothing to do"]
    if run.outcome == "planned":
        now = f" (now {before})" if before else " (nothing runs now)"
        return [f"{service} would run ", tag, f"{now}; dry run: nothing was changed"]
    again = " again" if run.action is Action.ROLLBACK else ""
    was = f" (was {before})" if before else " (nothing ran before)"
    if before == tag[0]:
        again, was = " anew", ""
    return [f"{service} runs ", tag, f"{again}{was}, ", well, f", {duration(run.seconds)}"]


def _matters(result: GateResult) -> bool:
    """Of a real run, only what did not pass and still stopped nothing is worth a line."""
    return result.ran and not result.passed


def _gates(page: Page, results: Sequence[GateResult]) -> None:
    names = [page.show(result.gate, limit=LONGEST_NAME) for result in results]
    width = max(map(len, names), default=0)
    for name, result in zip(names, results, strict=True):
        evidence = page.show(result.evidence)
        said: list[Piece] = ["  ", _mark(page, result), f" {pad(name, width)}  ", (evidence, DIM)]
        page.text(*said, indent=len("  ✓ ") + width + len("  "))


def _mark(page: Page, result: GateResult) -> Piece:
    if not result.ran:
        return ("-", DIM)
    return (page.yes, GREEN) if result.passed else (page.no, RED)


def _command(page: Page, command: str) -> None:
    first, *more = safe_lines(command, limit=_LONGEST_COMMAND)
    page.line(("  $ ", DIM), page.encodable(first))
    for line in more:
        page.line(("  > ", DIM), page.encodable(line))


def _failure(page: Page, outcome: HostOutcome) -> None:
    err = outcome.error
    what: list[Piece] = [("failed", RED)]
    if err:
        state = page.show(err.state)
        what.append(f" ({page.show(err.code, limit=LONGEST_NAME)}){': ' if state else ''}{state}")
    page.text((f"{page.show(outcome.host)}: ", BOLD), *what, indent=2)

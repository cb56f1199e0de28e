"""What runs where, as a table: a row for each host and service, and below it what is not well."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from deployctl.release import suggest
from deployctl.release.record import WHY_NO_OUTCOME
from deployctl.release.results import State, StatusResult
from deployctl.render.harmless import safe_lines
from deployctl.render.terminal.detail import detail, next_step
from deployctl.render.terminal.page import BOLD, DIM, GREEN, RED, YELLOW, Page
from deployctl.render.terminal.table import Column, Table, cell
from deployctl.render.units import ago, plural, short_id, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from deployctl.release.release import Release
    from deployctl.release.results import Container, UnfinishedRun
    from deployctl.render.terminal.table import Cell

_COLUMNS = (
    Column("HOST", name=True),
    Column("SERVICE", name=True),
    Column("TAG"),
    Column("STATE"),
    Column("HEALTH", importance=1),
    Column("SINCE", importance=3),
    Column("BY", importance=2),
    Column("ROLLBACK TO", importance=4),
)
# All others are neither well nor broken.
_STYLES = {
    State.IN_SYNC: GREEN,
    State.UNHEALTHY: RED,
    State.NOT_RUNNING: RED,
    State.UNREACHABLE: RED,
}
_MOST_CONTAINERS = 20
_MOST_DETAILS = 20
_NEXT = "next"

_Detail = tuple[str, str, str]


def status(page: Page, rows: Sequence[StatusResult], now: datetime) -> None:
    """Write what runs where.

    A terminal gets what fits its width, and "3 min ago"; anything else gets all columns, uncut,
    and timestamps. A single row is followed by everything that is known of it.

    Args:
        page: where to.
        rows: one for each host and service.
        now: for "3 min ago"; aware.
    """
    if not rows:
        return
    rows = list(_with_each_note_once(rows))
    table = Table(page, _COLUMNS, [_cells(page, row, now) for row in rows])
    table.header()
    for number, row in enumerate(rows):
        table.row(number)
        details = _everything(row, now) if len(rows) == 1 else _troubles(row, now)
        for name, text, style in details:
            if name == _NEXT:
                next_step(page, text)
            else:
                detail(page, name, page.show(text), style)


def _with_each_note_once(rows: Sequence[StatusResult]) -> Iterator[StatusResult]:
    """What is wrong with a host's history is true of all its services, and is said once."""
    counts = Counter((row.host, note) for row in rows for note in set(row.notes))
    said: set[tuple[str, str]] = set()
    for row in rows:
        new = [note for note in dict.fromkeys(row.notes) if (row.host, note) not in said]
        said.update((row.host, note) for note in new)
        counted = (_with_count(note, counts[row.host, note]) for note in new)
        yield replace(row, notes=tuple(counted))


def _with_count(note: str, count: int) -> str:
    return note if count == 1 else f"{note} (told by {count} services of this host)"


def _cells(page: Page, row: StatusResult, now: datetime) -> list[Cell]:
    state = row.state.value + (" (hold)" if row.hold else "")
    return [
        cell(page, row.host, BOLD),
        cell(page, row.service),
        cell(page, row.running.tag if row.running else ""),
        cell(page, state, _STYLES.get(row.state, YELLOW)),
        cell(page, row.health, "" if row.health in {"", "healthy"} else YELLOW),
        cell(page, ago(row.since, now) if page.width else stamp(row.since), DIM),
        cell(page, _by(row), DIM),
        cell(page, row.rollback.release.tag if row.rollback else ""),
    ]


def _by(row: StatusResult) -> str:
    """Who deployed what is recorded; of a deploy that is under way, who deploys."""
    run = row.run_in_progress
    return run.by if run and row.state is State.DEPLOYING else row.deployed_by


# ---------------------------------------------------------------- details


def _troubles(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    """What a person should know of a row among many: only what is not as it should be."""
    yield from _unreachable(row)
    yield from _drift(row, now)
    yield from _unwell(row, now)
    if row.rollback and not row.rollback_image_present:
        yield ("rollback", f"the image of {row.rollback.release.tag} is not on the host", YELLOW)
    yield from _hindrances(row, now)


def _everything(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    yield from _unreachable(row, evidence=True)
    yield from _drift(row, now)
    yield from _unwell(row, now)
    yield from _content(row, now)
    yield from _way_back(row, now)
    yield from _hindrances(row, now)


def _unreachable(row: StatusResult, *, evidence: bool = False) -> Iterator[_Detail]:
    if not row.error:
        return
    yield ("error", row.error.message, RED)
    for text in row.error.details[:_MOST_DETAILS] if evidence else ():
        for line in safe_lines(text, most=_MOST_DETAILS):
            yield ("", f"| {line}", DIM)
    if row.error.hint:
        yield (_NEXT, row.error.hint, "")


def _drift(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    """What runs against what is recorded."""
    if row.state is State.MIXED:
        for text in _releases(row.containers):
            yield ("runs", text, YELLOW)
    elif row.state in {State.UNTRACKED, State.MOVED} and row.running:
        yield ("runs", _named(row.running), YELLOW)
    elif row.state is State.INTERRUPTED:
        yield ("runs", _what_runs(row), YELLOW if _is_up(row) else RED)
        yield from _interrupted(row, now)
    elif row.state is State.NOT_RUNNING:
        yield from _next(row)
        return
    elif row.state is State.DEPLOYING:
        yield ("runs", _what_runs(row), "")
    else:
        return
    if row.recorded:
        yield ("recorded", _named(row.recorded) + _when_and_by(row, now), "")
    else:
        yield ("recorded", ": ".join(filter(None, ["nothing", row.unrecorded])), "")
    if row.state is State.DEPLOYING:
        yield from _under_way(row, "under way", now)
    else:
        yield from _next(row)


def _is_up(row: StatusResult) -> bool:
    return any(container.up for container in row.containers)


def _what_runs(row: StatusResult) -> str:
    if not _is_up(row):
        return "nothing"
    return _named(row.running) if row.running else "a mixture"


def _next(row: StatusResult) -> Iterator[_Detail]:
    """What brings the service back where it is down; how far a run came that left no outcome."""
    run = row.interrupted_run
    follow = run.follow_command(row.host) if run else ""
    if not _is_up(row) and row.recorded:
        back = suggest.deployctl("rollback", row.service, tag=row.recorded.tag)
        prose = "this brings it back" + (", and this says how far the run came:" if follow else ":")
        yield (_NEXT, suggest.hint(prose, back, follow), "")
    elif follow:
        prose = "see how far it came, then deploy again or roll back:"
        yield (_NEXT, suggest.hint(prose, follow), "")


def _interrupted(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    if row.interrupted_run:
        yield ("last run", _what(row.interrupted_run, now), YELLOW)
    yield ("outcome", f"none: {WHY_NO_OUTCOME}", YELLOW)


def _under_way(row: StatusResult, name: str, now: datetime) -> Iterator[_Detail]:
    run = row.run_in_progress
    if run is None:
        return
    yield (name, _what(run, now), YELLOW)
    if command := run.follow_command(row.host):
        yield (_NEXT, f"watch it:\n{command}", "")


def _what(run: UnfinishedRun, now: datetime) -> str:
    return f"{run.text} ({ago(run.since, now)})" if run.run else run.text


def _when_and_by(row: StatusResult, now: datetime) -> str:
    when = f", {ago(row.deployed_at, now)}" if row.deployed_at else ""
    return when + (f" by {row.deployed_by}" if row.deployed_by else "")


def _named(release: Release) -> str:
    return f"{release.tag or 'an image without a tag'} (image {short_id(release.image_id)})"


def _releases(containers: Sequence[Container]) -> list[str]:
    counts: dict[str, int] = {}
    for container in containers[:_MOST_CONTAINERS]:
        name = f"{container.reference.tag or 'no tag'} (image {short_id(container.image_id)})"
        counts[name] = counts.get(name, 0) + 1
    return [f"{name} in {plural(count, 'container')}" for name, count in counts.items()]


def _unwell(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    if row.state is State.NOT_RUNNING and not row.containers:
        yield ("containers", "none", RED)
    unwell = [c for c in row.containers if not c.well or c.recent_restarts]
    for container in unwell[:_MOST_CONTAINERS]:
        yield ("container", _condition(container, now), YELLOW if container.well else RED)
    if len(unwell) > _MOST_CONTAINERS:
        yield ("", f"and {len(unwell) - _MOST_CONTAINERS} more", RED)


def _condition(container: Container, now: datetime) -> str:
    words = [container.status]
    if container.up:
        words.append(container.health.value if container.health != "none" else "no health check")
    else:
        words.append(f"exit status {container.exit_code}")
    if container.restarts:
        words.append(plural(container.restarts, "restart"))
    if container.recent_restarts:
        words.append(f"the last {ago(container.started_at, now)}")
    return f"{container.name}: {', '.join(words)}"


def _content(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    if row.containers:
        count = plural(len(row.containers), "container")
        yield ("health", f"{row.health or 'unknown'}, {count}", "")
    if row.since:
        yield ("since", f"{stamp(row.since)} ({ago(row.since, now)})", "")
    said_above = row.state in {State.DEPLOYING, State.INTERRUPTED}  # as what is recorded
    if (row.deployed_at or row.deployed_by) and not said_above:
        by = f" by {row.deployed_by}" if row.deployed_by else ""
        yield ("deployed", f"{stamp(row.deployed_at)} ({ago(row.deployed_at, now)}){by}", "")
    if row.run_url:
        yield ("workflow", row.run_url, "")
    if row.revision:
        yield ("revision", row.revision, "")
    if row.running:
        digest = row.running.digest
        yield ("digest", digest, "") if digest else ("image", row.running.image_id, "")


def _way_back(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    if row.rollback:
        target = row.rollback
        by = f" by {target.by}" if target.by else ""
        there = "is on the host" if row.rollback_image_present else "is not on the host"
        style = "" if row.rollback_image_present else YELLOW
        when = ago(target.deployed_at, now)
        yield (
            "rollback to",
            f"{target.release.tag}, deployed {when}{by}; its image {there}",
            style,
        )
    elif row.rollback_refusal:
        yield ("rollback to", f"nothing: {row.rollback_refusal}", YELLOW)


def _hindrances(row: StatusResult, now: datetime) -> Iterator[_Detail]:
    if row.hold:
        yield ("hold", row.hold, YELLOW)
    if row.state is not State.DEPLOYING:
        yield from _under_way(row, "busy", now)
    for note in row.notes:
        yield ("note", note, YELLOW)

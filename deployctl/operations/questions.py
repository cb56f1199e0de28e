"""Questions to a host: they change nothing.

What judges the answer is imported while the host works it out, which takes as long: see
Link.meanwhile. So this module imports little, and the functions the rest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployctl.compose.host.probe import read_probe
from deployctl.errors import HostError
from deployctl.operations.reading import probe

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.history import Entry
    from deployctl.inventory import ComposeService
    from deployctl.link import Link
    from deployctl.model import HistoryResult, RecordedRun, StatusResult


def status(link: Link, service: ComposeService, observer: Observer) -> StatusResult:
    """Say what a host runs and what it has recorded; changes nothing.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    started = time.monotonic()
    answer = probe(link, service, observer, change=False)
    from deployctl import drift, readiness

    facts = read_probe(answer)
    readiness.require_answers(facts, service, link.host)
    return drift.judge(facts, service, link.host.name, seconds=time.monotonic() - started)


def recorded_history(
    link: Link, services: Sequence[ComposeService], observer: Observer, limit: int
) -> HistoryResult:
    """Return the newest lines that a host has recorded of some services, and their newest runs.

    Args:
        link: to the host.
        services: all of this host.
        observer: hears the steps.
        limit: so many lines, and so many runs.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    from deployctl.model import HistoryResult
    from deployctl.runs import newest_first, recorded_runs

    entries: list[Entry] = []
    runs: list[Sequence[RecordedRun]] = []
    problems: list[str] = []
    directories = dict.fromkeys(s.state_directory for s in services)
    for directory in directories:
        here = {s.name: s for s in services if s.state_directory == directory}
        facts = read_probe(probe(link, next(iter(here.values())), observer, change=False))
        if not facts.history.readable:
            raise _unreadable_history(link.host.name, directory, facts.state_owner)
        entries += [entry for name in here for entry in facts.history.of(name)]
        told = recorded_runs(facts.history, facts.holder, facts.now)
        runs.append([run for run in told if run.service in here])
        where = f"{directory}: " if len(directories) > 1 else ""
        problems += [where + problem for problem in facts.history.problems]
    entries.sort(key=lambda entry: (entry.at, entry.seq))
    return HistoryResult(
        link.host.name,
        entries=tuple(entry.raw for entry in entries[-limit:]),
        runs=newest_first(runs)[:limit],
        problems=tuple(problems),
    )


def _unreadable_history(host: str, directory: str, owner: str) -> HostError:
    if owner:
        return HostError(
            "history-unreadable",
            f"{directory} on {host} is {owner}'s, and this login may not look into it",
            hint=f"ask as {owner}: it is the user in [hosts.{host}] that deploys",
        )
    return HostError(
        "history-unreadable",
        f"the history in {directory} on {host} is there but cannot be read",
        hint="look at the file's owner and permissions on the host",
    )

"""What a host has recorded; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deployctl.compose.read import probe
from deployctl.errors import DeployctlError, HostError
from deployctl.ssh.connection import Connection

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.inventory import ComposeService, Host
    from deployctl.release.record import Entry
    from deployctl.release.results import HistoryResult, RecordedRun


def history_of_host(
    host: Host,
    services: Sequence[ComposeService],
    observer: Observer,
    limit: int,
    meanwhile: Callable[[], object] | None = None,
) -> HistoryResult:
    """Return what a host has recorded of some services; why not, if it cannot be asked.

    Args:
        host: to ask.
        services: of this host.
        observer: hears the steps.
        limit: so many lines, and so many runs.
        meanwhile: what to do while the host works out its answer.
    """
    try:
        with Connection(host, meanwhile) as connection:
            return recorded_history(connection, services, observer, limit)
    except DeployctlError as error:
        from deployctl.release.results import HistoryResult

        return HistoryResult(host.name, error=error)


def recorded_history(
    connection: Connection, services: Sequence[ComposeService], observer: Observer, limit: int
) -> HistoryResult:
    """Return the newest lines that a host has recorded of some services, and their newest runs.

    Args:
        connection: to the host.
        services: all of this host.
        observer: hears the steps.
        limit: so many lines, and so many runs.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    from deployctl.compose.host.probe import read_probe
    from deployctl.release.results import HistoryResult
    from deployctl.release.runs import newest_first, recorded_runs

    entries: list[Entry] = []
    runs: list[Sequence[RecordedRun]] = []
    problems: list[str] = []
    directories = dict.fromkeys(s.state_directory for s in services)
    for directory in directories:
        here = {s.name: s for s in services if s.state_directory == directory}
        facts = read_probe(probe(connection, next(iter(here.values())), observer, change=False))
        if not facts.history.readable:
            raise _unreadable_history(connection.host.name, directory, facts.state_owner)
        entries += [entry for name in here for entry in facts.history.of(name)]
        told = recorded_runs(facts.history, facts.holder, facts.now)
        runs.append([run for run in told if run.service in here])
        where = f"{directory}: " if len(directories) > 1 else ""
        problems += [where + problem for problem in facts.history.problems]
    entries.sort(key=lambda entry: (entry.at, entry.seq))
    return HistoryResult(
        connection.host.name,
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

"""What a host runs and what it has recorded; changes nothing.

What judges the answer is imported while the host works it out, which takes as long: see
Connection.meanwhile. So this module imports little, and the functions the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deployctl.compose.read import probe
from deployctl.errors import DeployctlError
from deployctl.ssh.connection import Connection

if TYPE_CHECKING:
    from deployctl.compose.facts import HostFacts
    from deployctl.events import Observer
    from deployctl.inventory import ComposeService, Host
    from deployctl.release.results import StatusResult


def status_of_host(
    host: Host,
    services: Sequence[ComposeService],
    observer: Observer,
    meanwhile: Callable[[], object] | None = None,
) -> list[StatusResult]:
    """Say what a host runs of some services; of one that cannot be asked, why.

    Args:
        host: to ask.
        services: of this host.
        observer: hears the steps.
        meanwhile: what to do while the host works out its answer.
    """
    try:
        with Connection(host, meanwhile) as connection:
            return [status(connection, service, observer) for service in services]
    except DeployctlError as error:
        from deployctl.release.results import StatusResult

        return [StatusResult.unreachable(host.name, service.name, error) for service in services]


def status(connection: Connection, service: ComposeService, observer: Observer) -> StatusResult:
    """Say what a host runs and what it has recorded; changes nothing.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    started = time.monotonic()
    facts = _look(connection, service, observer)
    from deployctl.compose import drift
    from deployctl.compose.service import only_files_tell

    if only_files_tell(facts, service):
        facts = _look(connection, service, observer, resolve=True)
    return drift.judge(facts, service, connection.host.name, seconds=time.monotonic() - started)


def _look(
    connection: Connection, service: ComposeService, observer: Observer, *, resolve: bool = False
) -> HostFacts:
    """Ask the host; `resolve`: also for what takes longer, which is what its compose files say."""
    answer = probe(connection, service, observer, change=resolve)
    from deployctl.compose.host.probe import read_probe
    from deployctl.compose.preconditions import require_answers

    facts = read_probe(answer)
    require_answers(facts, service, connection.host)
    return facts

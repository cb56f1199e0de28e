"""The commands that only ask.

What judges and shows the answers is imported while the hosts work them out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deployctl import errors
from deployctl.cli.context import end_with, link_to, observer, read_inventory, services_by_host
from deployctl.cli.options import (
    DEFAULT_INVENTORY,
    HostOption,
    InventoryOption,
    JsonOption,
    NoGithubOption,
    OptionalService,
    VerboseOption,
)
from deployctl.errors import DeployctlError
from deployctl.operations import questions
from deployctl.parallel import in_parallel
from deployctl.render.output import Output

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.inventory import ComposeService, Host
    from deployctl.model import HistoryResult, StatusResult


def status(
    service: OptionalService = None,
    host: HostOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit status 9 unless all is in sync and healthy.")
    ] = False,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Show what runs, what is recorded, and whether the two agree."""
    read = read_inventory(inventory)
    by_host = services_by_host(read, service, host)
    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    watching = output.observer(observer(verbose=verbose))

    def ask(name: str) -> list[StatusResult]:
        return _status_of_host(read.host(name), by_host[name], watching)

    read.resolve_hosts(by_host)
    rows = [row for answer in in_parallel(list(by_host), ask) for row in answer]
    statuses = [row.error.exit_status for row in rows if row.error]
    if check and any(not row.in_sync for row in rows if not row.error):
        statuses.append(errors.EXIT_DRIFT)
    worst = errors.worst(statuses)
    end_with(output.status(rows, worst))


def history(
    service: OptionalService = None,
    host: HostOption = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="How many of the newest, per host.")
    ] = 20,
    events: Annotated[
        bool,
        typer.Option("--events", help="Show each line of the history file instead of each run."),
    ] = False,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Show what was deployed, by whom, and how it ended."""
    read = read_inventory(inventory)
    by_host = services_by_host(read, service, host)
    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    watching = output.observer(observer(verbose=verbose))

    def ask(name: str) -> HistoryResult:
        return _recorded_on_host(read.host(name), by_host[name], watching, limit)

    read.resolve_hosts(by_host)
    results = in_parallel(list(by_host), ask)
    worst = errors.worst([r.error.exit_status for r in results if r.error])
    end_with(output.history(results, worst, events=events))


def _status_of_host(
    host: Host, services: Sequence[ComposeService], observer: Observer
) -> list[StatusResult]:
    try:
        with link_to(host, _import_for_status) as link:
            return [questions.status(link, service, observer) for service in services]
    except DeployctlError as error:
        from deployctl.model import StatusResult

        return [StatusResult.unreachable(host.name, service.name, error) for service in services]


def _recorded_on_host(
    host: Host, services: Sequence[ComposeService], observer: Observer, limit: int
) -> HistoryResult:
    try:
        with link_to(host, _import_for_history) as link:
            return questions.recorded_history(link, services, observer, limit)
    except DeployctlError as error:
        from deployctl.model import HistoryResult

        return HistoryResult(host.name, error=error)


def _import_for_status() -> None:
    import deployctl.drift
    import deployctl.readiness
    import deployctl.render.terminal.status_table  # noqa: F401


def _import_for_history() -> None:
    import deployctl.compose.facts
    import deployctl.render.terminal.history_table
    import deployctl.runs  # noqa: F401

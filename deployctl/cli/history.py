"""The command that shows what was deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deployctl import errors, fleet
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import HostOption, OptionalService, takes_call
from deployctl.compose.history import history_of_host

if TYPE_CHECKING:
    from deployctl.inventory import ComposeService, Host
    from deployctl.release.results import HistoryResult


@takes_call
def history(
    call: Call,
    service: OptionalService = None,
    host: HostOption = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="How many of the newest, per host.")
    ] = 20,
    events: Annotated[
        bool,
        typer.Option("--events", help="Show each line of the history file instead of each run."),
    ] = False,
) -> None:
    """Show what was deployed, by whom, and how it ended."""

    def ask(asked: tuple[Host, list[ComposeService]]) -> HistoryResult:
        return history_of_host(*asked, call.observer, limit, meanwhile=_import_meanwhile)

    results = fleet.in_parallel(call.services_by_host(service, host), ask)
    worst = errors.worst([r.error.exit_status for r in results if r.error])
    end_with(call.output.history(results, worst, events=events))


def _import_meanwhile() -> None:
    """What judges and shows the answers is imported while the hosts work them out."""
    import deployctl.compose.facts
    import deployctl.release.runs
    import deployctl.render.terminal.history_table  # noqa: F401

"""The command that shows what was deployed."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from deployctl import errors
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import HostOption, OptionalService, takes_call


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
    from deployctl.compose.history import history_of_host

    ask = partial(history_of_host, limit=limit, meanwhile=_import_meanwhile)
    results = call.ask_hosts(service, host, ask)
    worst = errors.worst([r.error.exit_status for r in results if r.error])
    end_with(call.output.history(results, worst, events=events))


def _import_meanwhile() -> None:
    """What judges and shows the answers is imported while the hosts work them out."""
    import deployctl.compose.facts
    import deployctl.release.runs
    import deployctl.render.terminal.history_table  # noqa: F401

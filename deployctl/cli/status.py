"""The command that says what runs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from deployctl import errors
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import HostOption, OptionalService, takes_call


@takes_call
def status(
    call: Call,
    service: OptionalService = None,
    host: HostOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit status 9 unless all is in sync and healthy.")
    ] = False,
) -> None:
    """Show what runs, what is recorded, and whether the two agree."""
    from deployctl.compose.status import status_of_host

    ask = partial(status_of_host, meanwhile=_import_meanwhile)
    answers = call.ask_hosts(service, host, ask)
    rows = [row for answer in answers for row in answer]
    statuses = [row.error.exit_status for row in rows if row.error]
    if check and any(not row.in_sync for row in rows if not row.error):
        statuses.append(errors.EXIT_DRIFT)
    end_with(call.output.status(rows, errors.worst(statuses)))


def _import_meanwhile() -> None:
    """What judges and shows the answers is imported while the hosts work them out."""
    import deployctl.compose.drift
    import deployctl.compose.preconditions
    import deployctl.render.terminal.status_table  # noqa: F401

"""The command that watches a run again."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from deployctl import fleet
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import complete_hosts, takes_call


@takes_call
def follow(
    call: Call,
    host: Annotated[
        str,
        typer.Argument(
            metavar="HOST", autocompletion=complete_hosts, help="A host in the inventory."
        ),
    ],
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="The run, as status, history or the error names it."),
    ],
) -> None:
    """Watch a run again after the connection was lost, and learn how it ended."""
    services = [s for s in call.inventory.compose_services if host in s.hosts]
    target = call.inventory.host(host)

    from deployctl.compose.follow import follow
    from deployctl.release.release import Action

    with call.progress() as observer:
        result = fleet.in_order(
            [target],
            partial(follow, services=services, run=run, observer=observer),
            observer,
            action=Action.DEPLOY,
            service="",
            tag="",
        )
    end_with(call.output.rollout(result, result.exit_status))

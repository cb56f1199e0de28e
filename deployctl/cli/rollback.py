"""The command that goes back to an earlier release."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from deployctl import fleet, gitops
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import (
    DryRunOption,
    HostOption,
    ServiceArgument,
    WaitOption,
    seconds_of,
    takes_call,
)
from deployctl.cli.requester import origin, workflow_event
from deployctl.inventory import ComposeService, GitopsService


@takes_call
def rollback(
    call: Call,
    service: ServiceArgument,
    tag: Annotated[
        str | None,
        typer.Argument(
            metavar="TAG", help="A tag that succeeded there; unless given: the one before."
        ),
    ] = None,
    host: HostOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = None,
) -> None:
    """Go back to the release before, or to one that succeeded there."""
    from deployctl.release import gates
    from deployctl.release.checklist import MODEL_IS_COMPOSE, ROLLBACK, Checklist

    wanted, rules = call.inventory.service(service), call.inventory.gates
    checklist = Checklist(ROLLBACK)
    with checklist.attached_to_errors():
        checklist.ask([gates.source_may_change(workflow_event(os.environ), rules)])
        match wanted:
            case ComposeService():
                checklist.ask([MODEL_IS_COMPOSE])
            case GitopsService():
                raise gitops.refusal(wanted)
    if tag is not None:
        # A slip of the keyboard, and no gate of a rollback: what succeeded here is recorded.
        gates.tag_is_immutable(tag, rules)
    patience = seconds_of(wait)
    hosts = call.hosts_of(wanted, host)

    from deployctl.compose.request import RollbackRequest
    from deployctl.compose.rollback import rollback
    from deployctl.release.release import Action

    with call.progress() as observer:
        request = RollbackRequest(
            service=wanted,
            gates=rules,
            passed=checklist.asked,
            origin=origin(os.environ),
            observer=observer,
            tag=tag,
            wait=patience,
            dry_run=dry_run,
        )
        result = fleet.in_order(
            hosts,
            lambda connection: rollback(connection, request),
            observer,
            action=Action.ROLLBACK,
            service=service,
            tag=tag or "",
            dry_run=dry_run,
        )
    end_with(call.output.rollout(result, result.exit_status))

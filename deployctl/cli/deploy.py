"""The command that makes a service run a tag."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from deployctl import fleet, gitops
from deployctl.cli.context import Call, end_with, with_key
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
def deploy(
    call: Call,
    service: ServiceArgument,
    tag: Annotated[
        str,
        typer.Argument(
            metavar="TAG", help="The image's tag, which CI made: sha- and 7 digits of the commit."
        ),
    ],
    digest: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST", help="Refuse other content than this; it begins with sha256:"
        ),
    ] = None,
    expect_current: Annotated[
        str | None, typer.Option(metavar="TAG", help="Refuse unless this tag runs.")
    ] = None,
    host: HostOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = None,
) -> None:
    """Make a service run a tag; does nothing where it runs already, healthy."""
    from deployctl.release import gates
    from deployctl.release.checklist import DEPLOY, MODEL_IS_COMPOSE, Checklist

    wanted, rules = call.inventory.service(service), call.inventory.gates
    # What is refused anyway is refused before any secret or host is needed.
    checklist = Checklist(DEPLOY)
    with checklist.attached_to_errors():
        checklist.ask(gates.before_a_deploy(tag, digest, rules, workflow_event(os.environ)))
        match wanted:
            case ComposeService():
                checklist.ask([MODEL_IS_COMPOSE])
            case GitopsService():
                raise gitops.refusal(wanted)
    rules = with_key(rules)
    if wanted.registry and not dry_run:
        wanted.registry.require()
    patience = seconds_of(wait)
    hosts = call.hosts_of(wanted, host)

    from deployctl.compose.deploy import deploy
    from deployctl.compose.request import DeployRequest
    from deployctl.release.release import Action

    with call.progress() as observer:
        request = DeployRequest(
            service=wanted,
            gates=rules,
            passed=checklist.asked,
            origin=origin(os.environ),
            observer=observer,
            tag=tag,
            digest=digest,
            expect_current=expect_current,
            wait=patience,
            dry_run=dry_run,
        )
        result = fleet.in_order(
            hosts,
            lambda connection: deploy(connection, request),
            observer,
            action=Action.DEPLOY,
            service=service,
            tag=tag,
            dry_run=dry_run,
        )
    end_with(call.output.rollout(result, result.exit_status))

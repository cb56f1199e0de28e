"""The commands that change a host, and `follow`, which watches one that does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deployctl.cli.context import (
    ask_first,
    chosen_hosts,
    end_with,
    link_to,
    origin,
    read_inventory,
    seconds,
    with_key,
    workflow_event,
)
from deployctl.cli.options import (
    DEFAULT_INVENTORY,
    DryRunOption,
    HostOption,
    InventoryOption,
    JsonOption,
    NoGithubOption,
    ServiceArgument,
    VerboseOption,
    WaitOption,
    complete_hosts,
)
from deployctl.render.output import Output

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.inventory import ComposeService, Host, Inventory
    from deployctl.link import Link
    from deployctl.model import RunResult


def deploy(
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
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Make a service run a tag; does nothing where it runs already, healthy."""
    from deployctl import checklist, gates

    read = read_inventory(inventory)
    wanted = read.service(service)
    event = workflow_event(os.environ)
    ask_first(checklist.DEPLOY, gates.without_host(tag, digest, wanted, read.gates, event))
    over_ssh = gates.deployed_over_ssh(wanted)
    rules = with_key(read.gates)
    if over_ssh.registry and not dry_run:
        over_ssh.registry.require()
    patience = seconds(wait)

    def run_on(link: Link, observer: Observer) -> RunResult:
        from deployctl.operations.deploy import deploy
        from deployctl.operations.request import Request

        request = Request(
            service=over_ssh,
            gates=rules,
            origin=origin(os.environ),
            event=event,
            observer=observer,
            tag=tag,
            digest=digest,
            expect_current=expect_current,
            wait=patience,
            dry_run=dry_run,
        )
        return deploy(link, request, tag)

    hosts = _hosts(read, over_ssh, host)
    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    _roll_out(
        hosts, run_on, "deploy", service, tag, output=output, verbose=verbose, dry_run=dry_run
    )


def rollback(
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
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Go back to the release before, or to one that succeeded there."""
    from deployctl import checklist, gates

    read = read_inventory(inventory)
    wanted = read.service(service)
    event = workflow_event(os.environ)
    ask_first(checklist.ROLLBACK, gates.without_host_or_tag(wanted, read.gates, event))
    over_ssh = gates.deployed_over_ssh(wanted)
    if tag is not None:
        gates.tag_is_immutable(tag, read.gates)
    patience = seconds(wait)

    def run_on(link: Link, observer: Observer) -> RunResult:
        from deployctl.operations.request import Request
        from deployctl.operations.rollback import rollback

        request = Request(
            service=over_ssh,
            gates=read.gates,
            origin=origin(os.environ),
            event=event,
            observer=observer,
            tag=tag,
            wait=patience,
            dry_run=dry_run,
        )
        return rollback(link, request)

    hosts = _hosts(read, over_ssh, host)
    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    _roll_out(
        hosts,
        run_on,
        "rollback",
        service,
        tag or "",
        output=output,
        verbose=verbose,
        dry_run=dry_run,
    )


def follow(
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
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Watch a run again after the connection was lost, and learn how it ended."""
    read = read_inventory(inventory)
    services = [s for s in read.compose_services if host in s.hosts]
    target = read.host(host)

    def run_on(link: Link, observer: Observer) -> RunResult:
        from deployctl.operations.follow import follow

        return follow(link, services, run, observer)

    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    _roll_out([target], run_on, "deploy", "", "", output=output, verbose=verbose)


def _hosts(
    inventory: Inventory, service: ComposeService, only: Sequence[str] | None
) -> tuple[Host, ...]:
    names = chosen_hosts(service.hosts, only, f"service {service.name}")
    return inventory.resolve_hosts(names)


def _roll_out(
    hosts: Sequence[Host],
    run_on: Callable[[Link, Observer], RunResult],
    action: str,
    service: str,
    tag: str,
    *,
    output: Output,
    verbose: bool,
    dry_run: bool = False,
) -> None:
    from deployctl import rollout
    from deployctl.model import Action
    from deployctl.render.terminal.progress import Progress

    by_name = {host.name: host for host in hosts}
    with Progress(sys.stderr, os.environ, verbose=verbose) as progress:
        observer = output.observer(progress)

        def on_host(name: str) -> RunResult:
            with link_to(by_name[name]) as link:
                return run_on(link, observer)

        result = rollout.in_order(
            list(by_name),
            on_host,
            observer,
            action=Action(action),
            service=service,
            tag=tag,
            dry_run=dry_run,
        )
    end_with(output.rollout(result, rollout.exit_status(result)))

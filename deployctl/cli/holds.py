"""The commands that stop the deploys of a service for a while, and let them go on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from deployctl import errors
from deployctl.cli.context import (
    ask_first,
    chosen_hosts,
    end_with,
    link_to,
    observer,
    origin,
    read_inventory,
    workflow_event,
)
from deployctl.cli.options import (
    DEFAULT_INVENTORY,
    HostOption,
    InventoryOption,
    JsonOption,
    NoGithubOption,
    ServiceArgument,
    VerboseOption,
)
from deployctl.errors import DeployctlError
from deployctl.render.output import Output

if TYPE_CHECKING:
    from deployctl.holds import HoldResult
    from deployctl.inventory import ComposeService, Host, Inventory
    from deployctl.link import Link


def hold(
    service: ServiceArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; those who are stopped see it.")],
    host: HostOption = None,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Stop the deploys of a service for a while; rollbacks stay allowed."""
    from deployctl import holds

    text = holds.checked_reason(reason)
    read = read_inventory(inventory)
    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    watching = output.observer(observer(verbose=verbose))

    def hold_on(link: Link, wanted: ComposeService) -> HoldResult:
        from deployctl.operations.holds import hold

        return hold(link, wanted, text, origin(os.environ), watching)

    _on_each("hold", read, service, host, hold_on, output)


def unhold(
    service: ServiceArgument,
    host: HostOption = None,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Let the deploys of a service go on, whoever stopped them."""
    read = read_inventory(inventory)
    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    watching = output.observer(observer(verbose=verbose))

    def unhold_on(link: Link, wanted: ComposeService) -> HoldResult:
        from deployctl.operations.holds import unhold

        return unhold(link, wanted, watching)

    _on_each("unhold", read, service, host, unhold_on, output)


def _on_each(
    command: str,
    read: Inventory,
    service: str,
    only: list[str] | None,
    act: Callable[[Link, ComposeService], HoldResult],
    output: Output,
) -> None:
    """One host after the other. A host that fails does not keep the others from being held."""
    from deployctl import checklist, gates

    wanted = read.service(service)
    event = workflow_event(os.environ)
    ask_first(checklist.HOLD, gates.without_host_or_tag(wanted, read.gates, event))
    over_ssh = gates.deployed_over_ssh(wanted)
    names = chosen_hosts(wanted.hosts, only, f"service {service}")
    results = [_on_host(host, over_ssh, act) for host in read.resolve_hosts(names)]
    exit_status = errors.worst([r.error.exit_status for r in results if r.error])
    end_with(output.holds(results, command, exit_status))


def _on_host(
    host: Host, service: ComposeService, act: Callable[[Link, ComposeService], HoldResult]
) -> HoldResult:
    from deployctl.holds import HoldOutcome, HoldResult

    try:
        with link_to(host) as link:
            return act(link, service)
    except DeployctlError as error:
        return HoldResult(host.name, service.name, HoldOutcome.FAILED, error=error)

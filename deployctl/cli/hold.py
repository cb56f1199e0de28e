"""The commands that stop the deploys of a service for a while, and let them go on."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from deployctl import errors
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import HostOption, ServiceArgument, takes_call
from deployctl.cli.requester import origin
from deployctl.cli.source import service_to_change
from deployctl.errors import DeployctlError

if TYPE_CHECKING:
    from deployctl.inventory import ComposeService, Host
    from deployctl.release.hold import HoldResult
    from deployctl.ssh.connection import Connection


@takes_call
def hold(
    call: Call,
    service: ServiceArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; those who are stopped see it.")],
    host: HostOption = None,
) -> None:
    """Stop the deploys of a service for a while; rollbacks stay allowed."""
    from deployctl.compose import hold
    from deployctl.release.hold import checked_reason

    text, asker = checked_reason(reason), origin(os.environ)
    wanted = service_to_change(call, service)
    act = partial(hold.hold, service=wanted, reason=text, origin=asker, observer=call.observer)
    _on_each(call, "hold", wanted, host, act)


@takes_call
def unhold(call: Call, service: ServiceArgument, host: HostOption = None) -> None:
    """Let the deploys of a service go on, whoever stopped them."""
    from deployctl.compose import hold

    wanted = service_to_change(call, service)
    act = partial(hold.unhold, service=wanted, observer=call.observer)
    _on_each(call, "unhold", wanted, host, act)


def _on_each(
    call: Call,
    command: str,
    service: ComposeService,
    only: list[str] | None,
    act: Callable[[Connection], HoldResult],
) -> None:
    """One host after the other. A host that fails does not keep the others from being held.

    Who stops the command has no further host asked.
    """
    hosts = call.hosts_of(service, only)
    results = [on_host(host, service.name, act) for host in hosts]
    exit_status = errors.worst([r.error.exit_status for r in results if r.error])
    end_with(call.output.holds(results, command, exit_status))


def on_host(host: Host, service: str, act: Callable[[Connection], HoldResult]) -> HoldResult:
    """Set or lift the hold on one host; what goes wrong is in the result, but for a Ctrl-C."""
    from deployctl.compose.hold import not_known
    from deployctl.release.hold import HoldOutcome, HoldResult
    from deployctl.ssh.connection import Connection

    try:
        with Connection(host) as connection:
            return act(connection)
    except KeyboardInterrupt:
        stopped = errors.InterruptedByUserError("interrupted", f"stopped on {host.name}")
        raise not_known(stopped, host.name, service) from None
    except DeployctlError as error:
        return HoldResult(host.name, service, HoldOutcome.FAILED, error=error)

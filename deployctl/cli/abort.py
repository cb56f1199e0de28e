"""The command that ends a run that hangs, and sees what served before put back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deployctl import errors
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import HostOption, ServiceArgument, takes_call
from deployctl.cli.requester import origin
from deployctl.cli.source import service_to_change
from deployctl.errors import DeployctlError

if TYPE_CHECKING:
    from deployctl.events import Observer
    from deployctl.inventory import ComposeService, Host
    from deployctl.release.abort import AbortResult
    from deployctl.release.origin import Origin


@takes_call
def abort(call: Call, service: ServiceArgument, host: HostOption = None) -> None:
    """End a deploy or rollback that hangs; what served before comes back."""
    from deployctl.release.abort import failures

    wanted, asker = service_to_change(call, service), origin(os.environ)
    hosts = call.hosts_of(wanted, host)
    with call.progress() as observer:
        results = [on_host(host, wanted, asker, observer) for host in hosts]
    exit_status = errors.worst([error.exit_status for error in failures(results)])
    end_with(call.output.aborts(results, exit_status))


def on_host(host: Host, service: ComposeService, asker: Origin, observer: Observer) -> AbortResult:
    """Abort the run on one host; what goes wrong is in the result, but for a Ctrl-C."""
    from deployctl.compose.abort import NOTHING_TO_ABORT, abort
    from deployctl.release.abort import AbortOutcome, AbortResult
    from deployctl.ssh.connection import Connection

    try:
        with Connection(host) as connection:
            return abort(connection, service, asker, observer)
    except errors.InterruptedByUserError:
        raise  # who stops the command has no further host asked
    except DeployctlError as error:
        nothing = error.code == NOTHING_TO_ABORT
        outcome = AbortOutcome.NONE if nothing else AbortOutcome.FAILED
        return AbortResult(host.name, service.name, outcome, error=error)

"""Holding the deploys of a service on one host, and letting them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.compose import holds
from deployctl.compose.host.hold import HOLD_LIMIT, Answer, hold_command, lift_command, read_answer
from deployctl.compose.preconditions import script_failed
from deployctl.errors import CommandTimeoutError, ConnectionLostError
from deployctl.events import Observer, Phase, StepStarted

if TYPE_CHECKING:
    from deployctl.inventory import ComposeService
    from deployctl.release.origin import Origin
    from deployctl.ssh.command import Command
    from deployctl.ssh.connection import Connection


def hold(
    connection: Connection, service: ComposeService, reason: str, origin: Origin, observer: Observer
) -> holds.HoldResult:
    """Stop the deploys of a service until `unhold`; the asker's own hold is replaced.

    Raises:
        BusyError: somebody else holds them already.
        HostError: the host cannot be reached, trusted or asked, or the hold not be written.
    """
    answer = _ask(connection, service, hold_command(service, origin, reason), observer)
    own = answer.now is not None and holds.may_replace(answer.now, origin)
    if answer.outcome == "held" and own and answer.now and answer.now.reason != reason:
        again = hold_command(service, origin, reason, answer.seen)
        answer = _ask(connection, service, again, observer)
    return holds.set_result(
        answer, connection.host.name, service.name, reason, service.state_directory
    )


def unhold(connection: Connection, service: ComposeService, observer: Observer) -> holds.HoldResult:
    """Let the deploys of a service go on, whoever held them; does nothing if nobody did.

    Raises:
        HostError: the host cannot be reached, trusted or asked, or the hold not be removed.
    """
    answer = _ask(connection, service, lift_command(service), observer)
    return holds.lifted_result(answer, connection.host.name, service.name, service.state_directory)


def _ask(
    connection: Connection, service: ComposeService, command: Command, observer: Observer
) -> Answer:
    observer(StepStarted(connection.host.name, Phase.CONNECT))
    _ = connection.session  # connects
    try:
        completed = connection.run(command, timeout=HOLD_LIMIT)
    except (ConnectionLostError, CommandTimeoutError) as error:
        raise holds.not_known(error, connection.host.name, service.name) from error
    if not completed.ok:
        raise script_failed(connection.host, completed)
    return read_answer(completed.stdout)

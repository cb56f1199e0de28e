"""Holding the deploys of a service on one host, and letting them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl import holds
from deployctl.compose.host.hold import (
    HOLD_LIMIT,
    Answer,
    hold_command,
    lift_command,
    read_answer,
)
from deployctl.errors import CommandTimeoutError, ConnectionLostError
from deployctl.events import Observer, Phase, StepStarted
from deployctl.readiness import script_failed

if TYPE_CHECKING:
    from deployctl.command import Command
    from deployctl.inventory import ComposeService
    from deployctl.link import Link
    from deployctl.model import Origin


def hold(
    link: Link, service: ComposeService, reason: str, origin: Origin, observer: Observer
) -> holds.HoldResult:
    """Stop the deploys of a service until `unhold`; the asker's own hold is replaced.

    Raises:
        BusyError: somebody else holds them already.
        HostError: the host cannot be reached, trusted or asked, or the hold not be written.
    """
    answer = _ask(link, service, hold_command(service, origin, reason), observer)
    own = answer.now is not None and holds.may_replace(answer.now, origin)
    if answer.outcome == "held" and own and answer.now and answer.now.reason != reason:
        again = hold_command(service, origin, reason, answer.seen)
        answer = _ask(link, service, again, observer)
    return holds.set_result(answer, link.host.name, service.name, reason, service.state_directory)


def unhold(link: Link, service: ComposeService, observer: Observer) -> holds.HoldResult:
    """Let the deploys of a service go on, whoever held them; does nothing if nobody did.

    Raises:
        HostError: the host cannot be reached, trusted or asked, or the hold not be removed.
    """
    answer = _ask(link, service, lift_command(service), observer)
    return holds.lifted_result(answer, link.host.name, service.name, service.state_directory)


def _ask(link: Link, service: ComposeService, command: Command, observer: Observer) -> Answer:
    observer(StepStarted(link.host.name, Phase.CONNECT))
    _ = link.session  # connects
    try:
        completed = link.run(command, timeout=HOLD_LIMIT)
    except (ConnectionLostError, CommandTimeoutError) as error:
        raise holds.not_known(error, link.host.name, service.name) from error
    if not completed.ok:
        raise script_failed(link.host, completed)
    return read_answer(completed.stdout)

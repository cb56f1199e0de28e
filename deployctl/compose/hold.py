"""Holding the deploys of a service on one host, and letting them go on."""

from __future__ import annotations

import posixpath
from typing import TypeVar

from deployctl.compose.host.hold import (
    HOLD_LIMIT,
    HoldAnswer,
    hold_command,
    lift_command,
    read_answer,
)
from deployctl.compose.lock import Stranger
from deployctl.compose.preconditions import script_failed
from deployctl.errors import (
    BusyError,
    CommandTimeoutError,
    ConnectionLostError,
    DeployctlError,
    HostError,
)
from deployctl.events import Observer, Phase, StepStarted
from deployctl.inventory import ComposeService
from deployctl.release import suggest
from deployctl.release.hold import HoldOutcome, HoldResult, may_replace
from deployctl.release.origin import Origin
from deployctl.ssh.command import Command
from deployctl.ssh.connection import Connection

_Error = TypeVar("_Error", bound=DeployctlError)


def hold(
    connection: Connection, service: ComposeService, reason: str, origin: Origin, observer: Observer
) -> HoldResult:
    """Stop the deploys of a service until `unhold`; the asker's own hold is replaced.

    Raises:
        BusyError: somebody else holds them already.
        HostError: the host cannot be reached, trusted or asked, or the hold not be written.
    """
    answer = _ask(connection, service, hold_command(service, origin, reason), observer)
    own = answer.now is not None and may_replace(answer.now, origin)
    if answer.outcome == "held" and own and answer.now and answer.now.reason != reason:
        again = hold_command(service, origin, reason, answer.seen)
        answer = _ask(connection, service, again, observer)
    return set_result(answer, connection.host.name, service.name, reason, service.state_directory)


def unhold(connection: Connection, service: ComposeService, observer: Observer) -> HoldResult:
    """Let the deploys of a service go on, whoever held them; does nothing if nobody did.

    Raises:
        HostError: the host cannot be reached, trusted or asked, or the hold not be removed.
    """
    answer = _ask(connection, service, lift_command(service), observer)
    return lifted_result(answer, connection.host.name, service.name, service.state_directory)


def _ask(
    connection: Connection, service: ComposeService, command: Command, observer: Observer
) -> HoldAnswer:
    observer(StepStarted(connection.host.name, Phase.CONNECT))
    _ = connection.session  # connects
    try:
        completed = connection.run(command, timeout=HOLD_LIMIT)
    except (ConnectionLostError, CommandTimeoutError) as error:
        raise not_known(error, connection.host.name, service.name) from error
    if not completed.ok:
        raise script_failed(connection.host, completed)
    return read_answer(completed.stdout)


# ---------------------------------------------------------------- answer → result


def set_result(
    answer: HoldAnswer, host: str, service: str, reason: str, directory: str = ""
) -> HoldResult:
    """Return how setting a hold went.

    Args:
        answer: of the host.
        host: its name.
        service: whose deploys were to be held.
        reason: why.
        directory: deployctl's own on the host.

    Raises:
        BusyError: somebody else's hold is set, or somebody keeps the holds locked.
        HostError: it cannot be written there.
    """
    state = f"deploys of {service} on {host} are not held"
    if answer.stranger:
        raise _blocked(host, "set", state, directory, answer.stranger)
    if answer.outcome == "failed":
        raise _unwritable(host, "set", state)
    if answer.outcome == "held":
        return _found(answer, host, service, reason)
    return HoldResult(
        host,
        service,
        HoldOutcome.REPLACED if answer.before else HoldOutcome.SET,
        hold=answer.now,
        before=answer.before,
        busy=answer.holder.text if answer.holder else "",
    )


def _found(answer: HoldAnswer, host: str, service: str, reason: str) -> HoldResult:
    held = answer.now
    if held and held.reason == reason:
        return HoldResult(host, service, HoldOutcome.UNCHANGED, hold=held, before=held)
    raise BusyError(
        "already-held",
        f"deploys of {service} on {host} are already {held.text if held else 'held'}",
        state=f"they stay held; {'that hold' if held else 'the hold'} was not replaced",
        hint=suggest.hint(
            "talk to them; whoever lifts that hold must know of you:",
            suggest.deployctl("unhold", service),
        ),
    )


def lifted_result(answer: HoldAnswer, host: str, service: str, directory: str = "") -> HoldResult:
    """Return how lifting a hold went; the arguments are those of set_result.

    Raises:
        BusyError: somebody keeps the holds locked.
        HostError: it cannot be removed there.
    """
    state = f"deploys of {service} on {host} are still held"
    if answer.stranger:
        raise _blocked(host, "lifted", state, directory, answer.stranger)
    if answer.outcome == "failed":
        raise _unwritable(host, "lifted", state)
    outcome = HoldOutcome.LIFTED if answer.outcome == "lifted" else HoldOutcome.NONE
    return HoldResult(host, service, outcome, before=answer.before)


def _unwritable(host: str, what: str, state: str) -> HostError:
    return HostError(
        "hold-unwritable",
        f"the hold cannot be {what} on {host}: its file cannot be written or removed",
        state=state,
        hint="is the disk full, or does the state directory belong to another user? This says so:\n"
        "deployctl check",
    )


def _blocked(host: str, what: str, state: str, directory: str, stranger: Stranger) -> BusyError:
    return BusyError(
        "lock-taken",
        f"the hold cannot be {what} on {host}: the directory of the holds is locked by "
        f"{stranger.text}",
        state=state,
        hint=suggest.hint(
            "end it if it has no business there, and run the command again; deployctl has just "
            "closed the directory to other users. On the host, as root, this shows who has it:",
            suggest.look_at_process(stranger.pid),
            suggest.typed("fuser", "-v", posixpath.join(directory, "holds")),
        ),
    )


def not_known(error: _Error, host: str, service: str) -> _Error:
    """Return the same error for one that struck while a hold was being set or lifted."""
    return type(error)(
        error.code,
        error.message,
        state=f"whether deploys of {service} on {host} are held is not known",
        hint=suggest.hint(
            "look, then run the command again:", suggest.deployctl("status", service)
        ),
    )

"""Asking a host: with one command, for everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.compose.host.probe import PROBE_LIMIT, probe_command
from deployctl.errors import CommandTimeoutError, ConnectionLostError, HostError
from deployctl.events import Observer, Phase, StepStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployctl.inventory import ComposeService
    from deployctl.ssh.command import Command
    from deployctl.ssh.connection import Connection


def probe(
    connection: Connection, service: ComposeService, observer: Observer, *, change: bool
) -> bytes:
    """Return what the probe says, for host.probe.read_probe.

    Args:
        connection: to the host.
        service: in whose directory to look.
        observer: hears the steps.
        change: ask for all that a change depends on, too.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    observer(StepStarted(connection.host.name, Phase.CONNECT))
    _ = connection.session  # connects
    observer(StepStarted(connection.host.name, Phase.PROBE))
    command = probe_command(service, change=change)
    return ask(connection, command, timeout=PROBE_LIMIT)


def ask(
    connection: Connection,
    command: Command,
    *,
    timeout: float,
    listener: Callable[[bytes], None] | None = None,
) -> bytes:
    """Run a script that changes nothing of what runs, and return what it printed.

    Args:
        connection: to the host.
        command: the script.
        timeout: seconds until it must have ended.
        listener: hears each line when it comes.

    Raises:
        HostError: the connection broke, or the script failed or took too long.
    """
    try:
        completed = connection.run(command, timeout=timeout, on_line=listener, answers=False)
    except ConnectionLostError as error:
        raise HostError(error.code, error.message, hint="run the command again") from error
    except CommandTimeoutError as error:
        hint = f"{error.hint}, then run the command again"
        raise HostError(error.code, error.message, hint=hint) from error
    if not completed.ok:
        from deployctl.compose.preconditions import script_failed

        raise script_failed(connection.host, completed)
    return completed.stdout

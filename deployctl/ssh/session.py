"""One open connection: running commands on it, and noticing when it is dead."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn, Self

from deployctl.errors import CommandTimeoutError, ConnectionLostError, HostError
from deployctl.ssh.background import Task
from deployctl.ssh.execution import (
    DeadConnectionError,
    DeadlinePassedError,
    Execution,
    RequestRefusedError,
    Watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from deployctl.inventory import Host
    from deployctl.ssh.command import Command, Completed
    from deployctl.ssh.execution import OnLine

# Seconds to wait for a channel, an hour by default. Longer than it takes to notice that nobody is
# there any more, so that this is what is reported.
CHANNEL_TIMEOUT = 30.0


class Session:
    """An open connection to one host; one command at a time.

    Attributes:
        host: where it goes to.
    """

    def __init__(self, host: Host, transport: Any, opened: ExitStack) -> None:
        """Take over a connection.

        Args:
            host: where it goes to.
            transport: paramiko's, authenticated.
            opened: closes everything that was opened for the connection.
        """
        self.host = host
        self._transport = transport
        self._opened = opened
        # Opening a channel takes a round trip, which is taken before the channel is needed:
        # the next one opens while a command runs. An idle channel costs the host next to nothing.
        self._next_channel = self._open_channel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and those to jump hosts; may be called twice."""
        self._opened.close()

    def run(
        self,
        command: Command,
        *,
        timeout: float,
        on_line: OnLine | None = None,
        answers: bool = True,
        meanwhile: Callable[[], object] | None = None,
    ) -> Completed:
        """Run one command, without a terminal, and return how it ended.

        The first 8 MiB of its output and the last 64 KiB of its errors are kept.

        Args:
            command: what to run.
            timeout: seconds until it must have ended.
            on_line: called with each complete line of output, without its line break and cut at
                1 MiB, as it arrives; bytes that it returns are sent to the command's standard
                input, behind the command's own.
            answers: False: on_line only listens, and standard input ends with the command's own, as
                it does without on_line.
            meanwhile: called once the command has started; it should take less time than that.

        Returns:
            Its exit status (128 + N if signal N ended it) and output.

        Raises:
            CommandTimeoutError: command-timeout; the channel was closed.
            ConnectionLostError: connection-lost; whether the command ended is not known.
            HostError: session-refused; the host opens no session or runs no command.
        """
        watch = Watch(self._transport, timeout)
        try:
            with closing(self._take_channel(watch)) as channel:  # after Ctrl-C, too
                self._start(channel, command, watch)
                if meanwhile is not None:
                    meanwhile()
                execution = Execution(channel, watch, on_line, answers=answers, stdin=command.stdin)
                return execution.finish()
        except DeadlinePassedError:
            raise self._timed_out(timeout) from None
        except DeadConnectionError as error:
            self._transport.close()
            raise self._lost(error) from error

    def _timed_out(self, timeout: float) -> CommandTimeoutError:
        return CommandTimeoutError(
            "command-timeout",
            f"a command on {self.host.name} did not end within {timeout:g} s",
            hint="look at the host's load, memory and disks",
            state="the command may still be running there",
        )

    def _lost(self, error: DeadConnectionError) -> ConnectionLostError:
        return ConnectionLostError(
            "connection-lost",
            f"the connection to {self.host.name} broke while a command ran there: {error}",
            hint="check the network, then look at what runs there:\ndeployctl status",
            state="whether the command ended there is not known",
        )

    def _open_channel(self) -> Task[Any]:
        return Task(self._transport.open_session, timeout=CHANNEL_TIMEOUT)

    def _take_channel(self, watch: Watch) -> Any:
        """Return an open channel, and begin to open the one after it."""
        try:
            channel = watch.wait_for(self._next_channel)
        except RequestRefusedError:
            # MaxSessions 1 allows no second channel beside a running command: ask again.
            try:
                channel = watch.wait_for(self._open_channel())
            except RequestRefusedError as error:
                self._refused(f"opens no session: {error}")
        self._next_channel = self._open_channel()
        return channel

    def _start(self, channel: Any, command: Command, watch: Watch) -> None:
        """Send the command; its output follows right behind the host's answer."""
        try:
            watch.wait_for(Task(channel.exec_command, command.as_shell()))
        except RequestRefusedError as error:
            self._refused(f"refuses to run a command: {error}")

    def _refused(self, how: str) -> NoReturn:
        self._next_channel = self._open_channel()
        raise HostError(
            "session-refused",
            f"{self.host.name} lets us in, but {how}",
            hint="check MaxSessions and ForceCommand in its sshd_config, and the options of the "
            "key in authorized_keys",
        )

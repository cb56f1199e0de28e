"""One command on one channel: its output, its end, and the signs that nobody is there."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any, TypeVar

from deployctl.ssh.background import Task
from deployctl.ssh.command import Completed
from deployctl.ssh.failures import printable
from deployctl.ssh.streams import Head, Lines, Tail

MAX_STDOUT = 8 * 1024 * 1024  # bytes; a hostile host must not fill the memory
MAX_STDERR = 64 * 1024

# After so many seconds of silence the host is asked for a sign of life, and after so many more
# without one the connection is dead. The kernel notices most cuts (TCP_USER_TIMEOUT), but not
# those behind a jump host or a middlebox that acknowledges and swallows.
QUIET = 4.0
NO_ANSWER = 12.0
# A background process may hold the output open after the command itself has ended (seconds).
LINGER = 2.0
_TICK = 1.0
_MOMENT = 0.2
_CHUNK = 64 * 1024

OnLine = Callable[[bytes], bytes | None]
Result = TypeVar("Result")


class DeadlinePassedError(Exception):
    """The command did not end in time."""


class DeadConnectionError(Exception):
    """The connection is dead; the text says how that was noticed."""


class RequestRefusedError(Exception):
    """The host lives, but does not do what it was asked."""


class Watch:
    """Knows how long may still be waited, and whether the host still lives.

    Args:
        transport: paramiko's.
        timeout: seconds from now until the deadline.
    """

    def __init__(self, transport: Any, timeout: float) -> None:
        self._transport = transport
        self._deadline = time.monotonic() + timeout
        self._last_sign = time.monotonic()
        self._asked: Task[Any] | None = None
        self._asked_at = 0.0

    @property
    def patience(self) -> float:
        """Seconds to wait until the next `check`."""
        return max(0.0, min(_TICK, self._deadline - time.monotonic()))

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, at least a few milliseconds."""
        return max(0.01, self._deadline - time.monotonic())

    @property
    def silence(self) -> float:
        """Seconds since the host's last sign of life."""
        return time.monotonic() - self._last_sign

    def note_life(self) -> None:
        """Note that something arrived from the host."""
        self._last_sign = time.monotonic()
        self._asked = None

    def check(self) -> None:
        """Return if there is reason to go on waiting.

        Raises:
            DeadlinePassedError, DeadConnectionError: there is none.
        """
        now = time.monotonic()
        if now >= self._deadline:
            raise DeadlinePassedError
        if self._asked is None:
            if self.silence >= QUIET:
                # Any host answers this, if only to say that it does not know the request.
                self._asked = Task(self._transport.global_request, "keepalive@openssh.com")
                self._asked_at = now
        elif self._asked.done and self._transport.is_active():
            self.note_life()
        elif now - self._asked_at >= NO_ANSWER:
            raise DeadConnectionError(f"no sign of life for {self.silence:.0f} s")

    def connection_ended(self) -> bool:
        """Whether the connection itself has ended, for a channel that was just closed."""
        self._transport.join(_MOMENT)  # its thread closes the channels before it ends
        return not self._transport.is_active()

    def wait_for(self, task: Task[Result]) -> Result:
        """Return the task's result.

        Raises:
            DeadlinePassedError, DeadConnectionError: as `check`; also if the task broke with the
                connection.
            RequestRefusedError: the host refused.
        """
        import paramiko

        while not task.wait(self.patience):
            self.check()
        try:
            result = task.result()
        except (paramiko.SSHException, EOFError, OSError) as error:
            reason = printable(str(error)) or type(error).__name__
            if self.connection_ended():
                raise DeadConnectionError(reason) from error
            raise RequestRefusedError(reason) from error
        self.note_life()
        return result


class Execution:
    """A command that runs on a channel.

    Args:
        channel: paramiko's, with the command started.
        watch: says how long to wait.
        on_line: see `Session.run`.
        answers: see `Session.run`.
        stdin: what the command is given at once.
    """

    def __init__(
        self,
        channel: Any,
        watch: Watch,
        on_line: OnLine | None,
        *,
        answers: bool = True,
        stdin: bytes = b"",
    ) -> None:
        self._channel = channel
        self._stdin = stdin
        self._watch = watch
        self._on_line = on_line
        self._answers = answers and on_line is not None
        self._stdout = Head(MAX_STDOUT)
        self._stderr = Tail(MAX_STDERR)
        self._lines = Lines()

    def finish(self) -> Completed:
        """Read until the command has ended.

        Raises:
            DeadlinePassedError, DeadConnectionError: it did not, or nobody knows.
        """
        if self._stdin:
            self._send(self._stdin)
        if not self._answers:
            self._channel.shutdown_write()
        output = select.poll()
        output.register(self._channel.fileno(), select.POLLIN)
        while not self._ended():
            if self._channel.eof_received:  # the descriptor stays readable: wait for the status
                self._channel.status_event.wait(self._watch.patience)
            else:
                output.poll(1000 * self._watch.patience)
            self._read()
            self._watch.check()
        return self._completed()

    def _ended(self) -> bool:
        channel = self._channel
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        if channel.closed:
            return True
        has_status: bool = channel.status_event.is_set()
        return has_status and (channel.eof_received or self._watch.silence >= LINGER)

    def _read(self) -> None:
        while self._channel.recv_ready():
            chunk = self._channel.recv(_CHUNK)
            self._watch.note_life()
            self._stdout.add(chunk)
            if self._on_line is not None:
                self._pass_on(self._lines.add(chunk), self._on_line)
        while self._channel.recv_stderr_ready():
            self._stderr.add(self._channel.recv_stderr(_CHUNK))
            self._watch.note_life()

    def _pass_on(self, lines: list[bytes], on_line: OnLine) -> None:
        for line in lines:
            answer = on_line(line)
            if answer and self._answers:
                self._send(answer)

    def _send(self, data: bytes) -> None:
        self._channel.settimeout(self._watch.remaining)
        try:
            self._channel.sendall(data)
        except TimeoutError:
            raise DeadlinePassedError from None
        except OSError:
            pass  # the command has closed its input or ended; how, its status will tell

    def _completed(self) -> Completed:
        channel = self._channel
        if channel.exit_status < 0:
            raise DeadConnectionError("the host closed the channel without an exit status")
        if channel.closed and not channel.eof_received and self._watch.connection_ended():
            raise DeadConnectionError("the output is incomplete")
        return Completed(channel.exit_status, bytes(self._stdout), bytes(self._stderr))

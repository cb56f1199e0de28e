"""A remote command as a value, and the one place where it is quoted for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """A program with its arguments and extra environment variables.

    Attributes:
        argv: the program and its arguments, unquoted.
        environment: variables set for this program only; names are the caller's own constants
            or validated identifiers, values may be anything but NUL.
        stdin: what it gets on its standard input, at most 16 KiB: the place for a secret, which
            an argument or a variable would show to everybody on the host.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = field(default=b"", repr=False)

    def as_shell(self) -> str:
        """Return the command as one line of POSIX shell in which every value is literal."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*assignments, *map(shlex.quote, self.argv)])

    def under_sudo(self) -> Command:
        """Return the same, run as root without a password prompt.

        sudo clears the environment, so the variables are set behind it.
        """
        assignments = [f"{name}={value}" for name, value in self.environment.items()]
        environment = ("env", *assignments) if assignments else ()
        return Command(("sudo", "-n", *environment, *self.argv), stdin=self.stdin)


@dataclass(frozen=True)
class Completed:
    """How a remote command ended.

    Attributes:
        exit_status: as the shell reports it.
        stdout: all that the command wrote to its standard output, as bytes.
        stderr: the same for its standard error.
    """

    exit_status: int
    stdout: bytes
    stderr: bytes

    @property
    def ok(self) -> bool:
        """Whether the command reported success."""
        return self.exit_status == 0

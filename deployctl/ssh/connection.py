"""A connection to one host that can be made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from deployctl.inventory import Host
from deployctl.ssh.command import Command, Completed
from deployctl.ssh.connect import connect
from deployctl.ssh.execution import OnLine
from deployctl.ssh.session import Session


@dataclass
class Connection:
    """A connection to one host that can be made again.

    Attributes:
        host: where it goes.
        meanwhile: what to do while the host works on the first command.
        connect: makes a session; raises HostError.
    """

    host: Host
    meanwhile: Callable[[], object] | None = None
    connect: Callable[[Host], Session] = field(default_factory=lambda: connect)
    _session: Session | None = field(default=None, init=False)

    @property
    def session(self) -> Session:
        """The open session; connects at the first use and after `drop`."""
        if self._session is None:
            self._session = self.connect(self.host)
        return self._session

    def run(
        self,
        command: Command,
        *,
        timeout: float,
        on_line: OnLine | None = None,
        answers: bool = True,
    ) -> Completed:
        """Run a command there, whole under sudo where the inventory says so; see Session.run."""
        wanted = command.under_sudo() if self.host.sudo else command
        meanwhile, self.meanwhile = self.meanwhile, None
        return self.session.run(
            wanted, timeout=timeout, on_line=on_line, answers=answers, meanwhile=meanwhile
        )

    def drop(self) -> None:
        """Close what is left of the connection, so that the next use makes a new one."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

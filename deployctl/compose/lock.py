"""Who holds the lock of a host, and the error that names them. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from deployctl.errors import BusyError
from deployctl.release import suggest
from deployctl.release.checklist import Gate
from deployctl.release.results import UnfinishedRun


@dataclass(frozen=True)
class Stranger:
    """What holds a lock of deployctl's and is no run of it.

    What cannot be seen from where deployctl asks is empty.

    Attributes:
        pid: of the process.
        user: whose it is.
        program: its name, as the process has it.
    """

    pid: str = ""
    user: str = ""
    program: str = ""

    @property
    def text(self) -> str:
        """In words, for a message."""
        if not self.pid:
            return "a process that cannot be seen with this login"
        return f"process {self.pid} of {self.user}: {self.program}"


def lock_taken(host: str, stranger: Stranger, directory: str) -> BusyError:
    """Return the error for a lock that is held by something else than a run.

    Args:
        host: its name.
        stranger: what holds it, as far as that can be seen.
        directory: deployctl's own on the host, in which the lock is.
    """
    lock = posixpath.join(directory, "lock")
    return BusyError(
        "lock-taken",
        f"the lock in {directory} on {host} is held by no run of deployctl, but by {stranger.text}",
        hint=suggest.hint(
            "end it if it has no business there. On the host, as root: the last line keeps other "
            "users from the lock, the others show who has it:",
            suggest.look_at_process(stranger.pid),
            suggest.typed("fuser", "-v", lock),
            suggest.typed("chmod", "go=", lock),
        ),
        gate=Gate.BUSY,
    )


def busy(host: str, holder: UnfinishedRun, service: str) -> BusyError:
    """Return the error that names who holds a host.

    Args:
        host: its name.
        holder: the run that goes on there.
        service: that was to be changed; only a run of its own can be aborted in its name.
    """
    look = holder.follow_command(host) or suggest.deployctl("status")
    abort = suggest.deployctl("abort", service) if service and service == holder.service else ""
    or_abort = "; the last line ends one that hangs" if abort else ""
    return BusyError(
        "busy",
        f"{host} is busy: {holder.text}",
        hint=suggest.hint(f"wait for it (--wait 10m), or watch it{or_abort}:", look, abort),
        gate=Gate.BUSY,
    )

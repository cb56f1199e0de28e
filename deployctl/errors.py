"""The errors that a user can meet: one class per kind, each with its exit status.

An error says what happened (`message`), in which state the host is (`state`) and what to type
next (`hint`). `code` is a stable word for programs; the exit status is the contract of
docs/exit-codes.md. Anything else that escapes is a bug in deployctl (exit status 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_UNREACHABLE = 4
EXIT_BUSY = 5
EXIT_RESTORED = 6
EXIT_BROKEN = 7
EXIT_UNKNOWN = 8
EXIT_DRIFT = 9
EXIT_INTERRUPTED = 130

# From harmless to what needs a person first; an exit status that is not here is a bug's.
_SEVERITY = (0, 9, 5, 3, 2, 4, 6, 8, 7, 130, 1)

UNTOUCHED = "nothing on the host was changed"


@dataclass(frozen=True)
class GateResult:
    """What one gate found; it stands here because an error carries what was found before it.

    Attributes:
        gate: the rule's stable name.
        passed: whether it lets the run go on; False also for one that did not run.
        evidence: what it looked at, in one line; why it did not run.
        ran: whether it was asked at all.
    """

    gate: str
    passed: bool
    evidence: str
    ran: bool = True


class DeployctlError(Exception):
    """An outcome that the user must hear of.

    Attributes:
        code: a stable, machine-readable word for this very error.
        message: what happened, in one or a few lines.
        state: in which state the host is now.
        hint: what to do or type next; empty where there is nothing sensible. The first line is
            prose ("on the host, as root:"), each further one a command to copy, which is shown
            whole. A hint that is nothing but a command of deployctl is that line alone.
        details: further evidence, one line each (a container's last log lines, key types tried).
        about: what is known of the run, for programs: "run", "tag", "digest", "previous-tag".
        gate: whose refusal it is; empty: no gate's.
        gate_results: what the gates had said by then, in their order; empty: none was asked.
        exit_status: see docs/exit-codes.md.
    """

    exit_status = EXIT_BUG

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        state: str = UNTOUCHED,
        details: Sequence[str] = (),
        about: Mapping[str, str] | None = None,
        gate: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.state = state
        self.details = tuple(details)
        self.about = dict(about or {})
        self.gate = gate
        self.gate_results: tuple[GateResult, ...] = ()


class UsageError(DeployctlError):
    """The command line or the inventory is wrong; no host was asked."""

    exit_status = EXIT_USAGE


class RefusedError(DeployctlError):
    """A gate refused, or the release cannot be fetched."""

    exit_status = EXIT_REFUSED


class HostError(DeployctlError):
    """The host cannot be reached or trusted, or lacks what a deploy needs."""

    exit_status = EXIT_UNREACHABLE


class BusyError(DeployctlError):
    """Another run holds the host, a hold is set, or the host changed meanwhile."""

    exit_status = EXIT_BUSY


class RestoredError(DeployctlError):
    """The run failed and the previous release is back and healthy."""

    exit_status = EXIT_RESTORED


class BrokenError(DeployctlError):
    """The run failed and nothing was restored: a person is needed."""

    exit_status = EXIT_BROKEN


class OutcomeUnknownError(DeployctlError):
    """The connection is lost and the run may go on: its outcome was not learnt in time."""

    exit_status = EXIT_UNKNOWN


class InterruptedByUserError(DeployctlError):
    """The user stopped the command (Ctrl-C, SIGTERM)."""

    exit_status = EXIT_INTERRUPTED


class ConnectionLostError(HostError):
    """An established connection broke while a command ran; whether it ended is not known."""


class CommandTimeoutError(HostError):
    """A remote command did not end within its time limit."""


def worst(statuses: Sequence[int]) -> int:
    """Return the exit status that matters most."""
    return max(
        statuses,
        key=lambda s: _SEVERITY.index(s) if s in _SEVERITY else len(_SEVERITY),
        default=EXIT_OK,
    )

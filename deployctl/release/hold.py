"""Holds on deploys: who holds, why, and what became of one that was set or lifted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deployctl.errors import DeployctlError, UsageError
from deployctl.quoting import shown
from deployctl.release.origin import Origin

LONGEST_REASON = 200
"""Characters; a reason stands in one line of a table."""


@dataclass(frozen=True)
class Hold:
    """A hold on deploys: who set it, when and why."""

    by: str
    at: str
    reason: str

    @property
    def text(self) -> str:
        """In words, for a message."""
        return f"held by {self.by} since {self.at}: {self.reason}"


class HoldOutcome(StrEnum):
    """What became of a hold that was to be set or lifted."""

    SET = "set"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    LIFTED = "lifted"
    NONE = "none"
    FAILED = "failed"


@dataclass(frozen=True)
class HoldResult:
    """How setting or lifting a hold went on one host.

    Attributes:
        host: the host's name in the inventory.
        service: whose deploys it is about.
        outcome: what was done.
        hold: the hold that is set now; None: none, or not known.
        before: the hold that was found; None: none.
        busy: the run that was under way when the hold was set, in words; empty: none.
        error: why it failed; None: it did not.
    """

    host: str
    service: str
    outcome: HoldOutcome
    hold: Hold | None = None
    before: Hold | None = None
    busy: str = ""
    error: DeployctlError | None = None


def checked_reason(text: str) -> str:
    """Return a reason that can be shown in one line.

    Raises:
        UsageError: it is empty, too long, or has characters in it that are not to be shown.
    """
    reason = text.strip()
    problem = _reason_problem(reason)
    if problem:
        raise UsageError(
            "reason-invalid",
            f"--reason {problem}",
            hint='say why in a few words, like --reason "migration of the database, ask kim"',
        )
    return reason


def _reason_problem(reason: str) -> str:
    if not reason:
        return "is empty: those who are stopped by the hold will want to know why"
    if len(reason) > LONGEST_REASON:
        return f"has {len(reason)} characters, more than {LONGEST_REASON}"
    import unicodedata

    # C: control characters, bidi overrides, lone surrogates; Zl, Zp: line ends.
    hidden = [c for c in reason if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"]
    return f"has a control character in it: {shown(hidden[0])}" if hidden else ""


def may_replace(found: Hold, origin: Origin) -> bool:
    """Whether a hold is the asker's own: somebody else's stays until it is lifted."""
    return found.by == origin.by

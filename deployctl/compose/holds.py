"""Holds on deploys: the reason that is asked for, and what the host's answer means. Pure."""

from __future__ import annotations

import posixpath
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from deployctl.compose.facts import Hold
from deployctl.compose.host.hold import Answer
from deployctl.compose.lock import Stranger
from deployctl.errors import BusyError, DeployctlError, HostError, UsageError
from deployctl.quoting import shown
from deployctl.release import suggest
from deployctl.release.origin import Origin

LONGEST_REASON = 200
"""Characters; a reason stands in one line of a table."""


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
    # C: control characters, bidi overrides, lone surrogates; Zl, Zp: line ends.
    hidden = [c for c in reason if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"]
    return f"has a control character in it: {shown(hidden[0])}" if hidden else ""


def may_replace(found: Hold, origin: Origin) -> bool:
    """Whether a hold is the asker's own: somebody else's stays until it is lifted."""
    return found.by == origin.by


def set_result(
    answer: Answer, host: str, service: str, reason: str, directory: str = ""
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


def _found(answer: Answer, host: str, service: str, reason: str) -> HoldResult:
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


def lifted_result(answer: Answer, host: str, service: str, directory: str = "") -> HoldResult:
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


def not_known(error: HostError, host: str, service: str) -> HostError:
    """Return the error for a connection that broke while a hold was being set or lifted."""
    return HostError(
        error.code,
        error.message,
        state=f"whether deploys of {service} on {host} are held is not known",
        hint=suggest.hint(
            "look, then run the command again:", suggest.deployctl("status", service)
        ),
    )

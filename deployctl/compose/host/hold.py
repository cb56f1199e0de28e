"""hold.sh: setting and lifting a hold, and what the host answers. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deployctl.compose.host import script
from deployctl.compose.host.lock import read_holder, read_stranger
from deployctl.compose.host.wire import decode, garbled, read_object
from deployctl.compose.lock import Stranger
from deployctl.inventory import ComposeService
from deployctl.release.foreign_json import json_object
from deployctl.release.hold import Hold
from deployctl.release.origin import Origin
from deployctl.release.results import UnfinishedRun
from deployctl.ssh.command import Command

HOLD_LIMIT = 30.0
"""Seconds; more than the sum of the limits inside the script, which end first."""

NONE_SEEN = "null"
"""Stands for "there is no hold" where the script is told what it may replace."""

# No set: what the host says may not be hashable.
_OUTCOMES = ("set", "held", "lifted", "none", "failed", "blocked")


def hold_command(
    service: ComposeService, origin: Origin, reason: str, seen: str = NONE_SEEN
) -> Command:
    """Return the command that sets a hold; the host adds when, by its clock.

    Args:
        service: whose deploys are held.
        origin: who holds.
        reason: why.
        seen: the hold that is to be replaced, as the script showed it, or NONE_SEEN.
    """
    fields = json.dumps({"by": origin.by, "reason": reason}, separators=(",", ":"))[1:-1]
    return script.command("hold.sh", "set", service.state_directory, service.name, fields, seen)


def lift_command(service: ComposeService) -> Command:
    """Return the command that lifts a hold."""
    return script.command("hold.sh", "lift", service.state_directory, service.name)


@dataclass(frozen=True)
class HoldAnswer:
    """What the script said.

    Attributes:
        outcome: "set", "held" (there is another than the one to replace), "lifted", "none" or
            "failed" (it cannot be written there) or "blocked" (somebody keeps the turn to himself).
        before: the hold that it found; None: none.
        now: the hold that there is now; None: none.
        seen: `now` as the script showed it, to be replaced by another call.
        holder: who held the run's lock when the hold was there; None: nobody.
        stranger: after "blocked": what keeps others from setting or lifting one; None otherwise.
    """

    outcome: str
    before: Hold | None
    now: Hold | None
    seen: str
    holder: UnfinishedRun | None
    stranger: Stranger | None = None


def read_answer(output: bytes) -> HoldAnswer:
    """Turn what the script printed into values.

    Raises:
        HostError: the output is not what the script prints.
    """
    said = [read_object(line) for line in output.splitlines()]
    if not said or said[0].get("outcome") not in _OUTCOMES:
        raise garbled("it does not say what became of the hold")
    first = said[0]
    holders = [decode(line.get("holder")) for line in said[1:]]
    blocked = first["outcome"] == "blocked"
    return HoldAnswer(
        outcome=str(first["outcome"]),
        before=_hold(first.get("before")),
        now=_hold(first.get("now")),
        seen=json.dumps(first.get("now")),
        holder=read_holder(holders[0]) if holders and not blocked else None,
        stranger=read_stranger(holders[0] if holders else b"") if blocked else None,
    )


def _hold(value: object) -> Hold | None:
    return None if value is None else read_hold(decode(value))


def read_hold(data: bytes) -> Hold:
    """Read a hold file's content; one that cannot be read is still a hold."""
    try:
        value = json_object(data)
    except ValueError:
        value = {}
    return Hold(
        by=str(value.get("by", "somebody")),
        at=str(value.get("at", "an unknown time")),
        reason=str(value.get("reason", "no readable reason")),
    )

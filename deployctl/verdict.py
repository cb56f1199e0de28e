"""What a gate found. At the bottom, so that errors can carry what was found before them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What one gate found.

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

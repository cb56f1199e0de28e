"""What became of a run that was to be aborted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from deployctl.errors import DeployctlError
from deployctl.release.results import UnfinishedRun


class AbortOutcome(StrEnum):
    """What became of the run.

    RESTORED is a run that failed by itself while it was to be aborted; NONE: there was none.
    """

    ABORTED = "aborted"
    RESTORED = "restored"
    NONE = "none"
    FAILED = "failed"


@dataclass(frozen=True)
class AbortResult:
    """How aborting the run of a service went on one host.

    Attributes:
        host: the host's name in the inventory.
        service: whose run.
        outcome: what became of it.
        run: the run that was aborted; None: there was none, or not known.
        serves: the tag that serves again; empty: not known, or it served all the time.
        rung: how it came back, as docs/history-format.md has it; empty: nothing had been changed.
        error: why it failed, or that there was none; None: it was aborted.
    """

    host: str
    service: str
    outcome: AbortOutcome
    run: UnfinishedRun | None = None
    serves: str = ""
    rung: str = ""
    error: DeployctlError | None = None


def failures(results: Sequence[AbortResult]) -> list[DeployctlError]:
    """Return what went wrong. A host without a run is no failure where another one had one."""
    found = [result for result in results if result.outcome is not AbortOutcome.NONE]
    return [result.error for result in found or results if result.error]

"""What is asked of a host, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deployctl.errors import GateResult
from deployctl.events import Observer
from deployctl.inventory import ComposeService, Gates
from deployctl.release.origin import Origin


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a host, and by whom.

    Attributes:
        service: what to change.
        gates: the inventory's rules.
        passed: the gates that were asked before any host was.
        origin: who asks.
        observer: hears the steps.
        wait: seconds to wait for another run.
        dry_run: change nothing and say what would run.
        clock: the client's.
    """

    service: ComposeService
    gates: Gates
    passed: tuple[GateResult, ...]
    origin: Origin
    observer: Observer
    wait: float = 0.0
    dry_run: bool = False
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


@dataclass(frozen=True, kw_only=True)
class DeployRequest(Request):
    """A tag that shall run.

    Attributes:
        tag: of the image.
        digest: what the registry must serve; None: not given.
        expect_current: tag that must be running; None: not given.
    """

    tag: str
    digest: str | None = None
    expect_current: str | None = None


@dataclass(frozen=True, kw_only=True)
class RollbackRequest(Request):
    """An earlier release that shall run again.

    Attributes:
        tag: one that succeeded; None: the one before.
    """

    tag: str | None = None

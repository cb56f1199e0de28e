"""What is asked of a host, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deployctl.events import Observer
from deployctl.inventory import ComposeService, Gates
from deployctl.model import Origin
from deployctl.workflow_events import WorkflowEvent


@dataclass(frozen=True)
class Request:
    """What is asked of a host, and by whom.

    Attributes:
        service: what to deploy or roll back.
        gates: the inventory's rules.
        origin: who asks.
        event: what started the workflow; None: not in one.
        observer: hears the steps.
        tag: to deploy, or to roll back to; None: a rollback to whatever was before.
        digest: what the registry must serve; None: not given.
        expect_current: tag that must be running; None: not given.
        wait: seconds to wait for another run.
        dry_run: change nothing and say what would run.
        clock: the client's.
    """

    service: ComposeService
    gates: Gates
    origin: Origin
    event: WorkflowEvent | None
    observer: Observer
    tag: str | None = None
    digest: str | None = None
    expect_current: str | None = None
    wait: float = 0.0
    dry_run: bool = False
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

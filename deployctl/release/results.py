"""What came out: results of all commands, as frozen values that are shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from deployctl.errors import EXIT_OK, DeployctlError, GateResult, worst
from deployctl.release import suggest
from deployctl.release.reference import Reference
from deployctl.release.release import Action, Release

_RUN_ID = re.compile(r"[0-9a-z][0-9a-z-]{7,63}\Z", re.ASCII)


def is_run_id(text: str) -> bool:
    """Whether a text can be a run's id: it names a directory on the host."""
    return _RUN_ID.match(text) is not None


class State(StrEnum):
    """How what runs relates to what was recorded; docs/status.md explains each."""

    IN_SYNC = "in sync"
    UNTRACKED = "untracked"
    MOVED = "moved"
    MIXED = "mixed"
    UNHEALTHY = "unhealthy"
    NOT_RUNNING = "not running"
    INTERRUPTED = "interrupted"
    DEPLOYING = "deploying"
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"


class Health(StrEnum):
    """A container's health as docker reports it; NONE: it has no health check."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    NONE = "none"


RESTARTS_TOLERATED = 3
"""A container that was restarted this often crashes again and again; as transact.sh counts."""


@dataclass(frozen=True)
class Container:
    """A container of a service, as a status shows it.

    Attributes:
        id: 64 hex digits.
        name: without the leading slash.
        reference: the image as it was asked for.
        image_id: the content that really runs, "sha256:…".
        status: docker's word: created, running, restarting, exited, dead, paused, removing.
        health: as docker reports it.
        exit_code: of the last run of the process.
        restarts: how often docker restarted it.
        recent_restarts: the same, if the last time was a short while ago, else 0.
        started_at: RFC 3339, the host's clock.
        revision: the label org.opencontainers.image.revision; empty where there is none.
    """

    id: str
    name: str
    reference: Reference
    image_id: str
    status: str
    health: Health
    exit_code: int
    restarts: int
    recent_restarts: int
    started_at: str
    revision: str

    @property
    def up(self) -> bool:
        """Whether docker runs it, or keeps trying to."""
        return self.status in {"running", "restarting"}

    @property
    def well(self) -> bool:
        """Whether it runs and is healthy, or has no health check, and does not only look so."""
        healthy = self.health in {Health.HEALTHY, Health.NONE}
        return self.status == "running" and healthy and not self.crash_loops

    @property
    def crash_loops(self) -> bool:
        """Whether it crashes again and again: between two crashes, it looks well for a while."""
        return self.recent_restarts >= RESTARTS_TOLERATED


@dataclass(frozen=True)
class UnfinishedRun:
    """A run without an outcome: it holds the host's lock, or it was killed.

    What is not known is empty: a lock file may be unreadable, or of a run that just began.

    Attributes:
        run: its id, as the host has it.
        by: the workflow's actor, or user@machine.
        action: deploy or rollback.
        service: of the inventory.
        tag: what was asked for.
        since: when it began, RFC 3339.
    """

    run: str = ""
    by: str = ""
    action: str = ""
    service: str = ""
    tag: str = ""
    since: str = ""

    @property
    def text(self) -> str:
        """In words, for a message."""
        if not self.run:
            return "another deployctl run"
        return f"{self.action} of {self.service} {self.tag} by {self.by}, since {self.since}"

    def follow_command(self, host: str) -> str:
        """Return what to type to watch it; empty where its id is none that can be typed."""
        return suggest.deployctl("follow", host, run=self.run)


@dataclass(frozen=True)
class RolledBackTo:
    """Which release a rollback goes to, and what is recorded of it."""

    release: Release
    deployed_at: str
    by: str


@dataclass(frozen=True)
class RunResult:
    """The good end of a deploy or rollback on one host.

    Attributes:
        host: the host's name in the inventory.
        service: the service.
        action: deploy or rollback.
        outcome: "succeeded", "unchanged" (it ran that release already) or "planned" (dry run).
        release: what runs now.
        previous: what ran before; None: nothing did.
        run: id of the run; empty where none was needed.
        seconds: from start to end, as the client saw it.
        health_checked: a health check says that the release is well; otherwise it only stayed up.
        gate_results: of all gates, in their order, those that did not run included.
        commands: what would run, where; for a dry run.
        notes: things worth knowing that do not stop the run.
        target: for a rollback: who deployed the target, and when.
    """

    host: str
    service: str
    action: Action
    outcome: str
    release: Release
    previous: Release | None
    run: str
    seconds: float
    health_checked: bool = True
    gate_results: tuple[GateResult, ...] = ()
    commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    target: RolledBackTo | None = None


@dataclass(frozen=True)
class StatusResult:
    """What one host says about one service.

    Attributes:
        host: the host's name in the inventory.
        service: the service.
        state: see State.
        running: the release that all containers run; None: mixed, or none.
        containers: all of the service's containers.
        health: the worst of the containers'.
        revision: the revision label of what runs.
        since: when the youngest container started, RFC 3339; empty: nothing runs.
        deployed_at: when the last recorded release was recorded.
        deployed_by: by whom.
        run_url: of the workflow run; empty: none.
        recorded: the last recorded release; None: none.
        unrecorded: why there is none; empty: not known.
        rollback: where a rollback without a tag would go; None: nowhere.
        rollback_image_present: whether its image is on the host.
        rollback_refusal: why there is no target; empty when there is one.
        hold: who holds deploys, when and why; empty: no hold.
        run_in_progress: who holds the lock, for whatever service; None: nobody.
        interrupted_run: the newest run of the service that left no outcome; None: none.
        notes: problems of the history and the like.
        error: for an unreachable host, the error; None: it was reached.
        seconds: how long the question took.
    """

    host: str
    service: str
    state: State
    running: Release | None = None
    containers: tuple[Container, ...] = ()
    health: str = ""
    revision: str = ""
    since: str = ""
    deployed_at: str = ""
    deployed_by: str = ""
    run_url: str = ""
    recorded: Release | None = None
    unrecorded: str = ""
    rollback: RolledBackTo | None = None
    rollback_image_present: bool = False
    rollback_refusal: str = ""
    hold: str = ""
    run_in_progress: UnfinishedRun | None = None
    interrupted_run: UnfinishedRun | None = None
    notes: tuple[str, ...] = ()
    error: DeployctlError | None = None
    seconds: float = 0.0

    @classmethod
    def unreachable(cls, host: str, service: str, error: DeployctlError) -> StatusResult:
        """Return what is known of a host that cannot be asked: why."""
        return cls(host, service, State.UNREACHABLE, error=error)

    @property
    def busy(self) -> str:
        """Who holds the lock, in words; empty: nobody."""
        return self.run_in_progress.text if self.run_in_progress else ""

    @property
    def in_sync(self) -> bool:
        """Whether what runs is what was recorded, and well."""
        return self.state is State.IN_SYNC


class RunOutcome(StrEnum):
    """How a recorded run ended, or that it did not yet."""

    SUCCEEDED = "succeeded"
    RESTORED = "restored"
    BROKEN = "broken"
    INTERRUPTED = "interrupted"
    IN_PROGRESS = "in progress"
    UNKNOWN = "unknown"
    """No outcome can be read, and lines are missing behind its start: one may have told it."""


@dataclass(frozen=True)
class RecordedRun:
    """One run, as a host has recorded it.

    Attributes:
        run: its id.
        service: the service.
        action: deploy or rollback, as it was recorded.
        release: what was asked for.
        previous: what a failure puts back; None: nothing could be.
        by: the workflow's actor, or user@machine.
        source: "github-actions" or "terminal".
        run_url: of the workflow run; empty: none.
        outcome: see RunOutcome.
        reason: why it failed: a word of docs/exit-codes.md; empty: it did not, or is not known.
        started_at: RFC 3339, the host's clock; empty: that line cannot be read, or was not, or
            there is none, as nothing was done.
        ended_at: when its outcome was written, which the next run does of one that was killed;
            empty: it was not.
        seconds: how long it took, or takes by now; None: not known, or there was nothing to do.
        unchanged: the release ran already; nothing was done.
        aborted_by: who aborted it; empty: nobody, or not known.
        put_back: the tag that a failure did put back; empty: none, or what runs has no tag of the
            service's.
    """

    run: str
    service: str
    action: str
    release: Release
    previous: Release | None
    by: str
    source: str
    run_url: str
    outcome: RunOutcome
    reason: str = ""
    started_at: str = ""
    ended_at: str = ""
    seconds: float | None = None
    unchanged: bool = False
    aborted_by: str = ""
    put_back: str = ""

    @property
    def at(self) -> str:
        """When it was, as near as is known: RFC 3339, or empty."""
        return self.started_at or self.ended_at


@dataclass(frozen=True)
class HistoryResult:
    """What one host has recorded.

    Attributes:
        host: the host's name in the inventory.
        entries: the newest lines, newest last, as JSON-ready values of docs/history-format.md.
        runs: the newest runs, newest first.
        problems: what could not be read, a line for each kind.
        error: for an unreachable host, the error.
    """

    host: str
    entries: tuple[Mapping[str, object], ...] = ()
    problems: tuple[str, ...] = field(default=())
    error: DeployctlError | None = None
    runs: tuple[RecordedRun, ...] = ()


@dataclass(frozen=True)
class HostOutcome:
    """How a run ended on one host: a result or an error, never both.

    Attributes:
        host: the host's name in the inventory.
        result: the good end.
        error: a DeployctlError for everything else.
    """

    host: str
    result: RunResult | None = None
    error: DeployctlError | None = None

    @property
    def gate_results(self) -> tuple[GateResult, ...]:
        """What the gates said, however it ended."""
        ended = self.result or self.error
        return ended.gate_results if ended else ()


@dataclass(frozen=True)
class RolloutResult:
    """How a deploy or rollback of a service went, over all its hosts.

    Attributes:
        action: deploy or rollback.
        service: the service.
        tag: the tag asked for; empty: a rollback to whatever was before.
        outcomes: of the hosts that were turned to, in their order; only the last can be an error.
        not_attempted: hosts that were not turned to, because one before them failed.
        seconds: all in all.
        dry_run: nothing was to be changed.
    """

    action: Action
    service: str
    tag: str
    outcomes: tuple[HostOutcome, ...]
    not_attempted: tuple[str, ...]
    seconds: float
    dry_run: bool = False

    @property
    def exit_status(self) -> int:
        """The worst host's; see docs/exit-codes.md."""
        return worst([o.error.exit_status if o.error else EXIT_OK for o in self.outcomes])

"""Results to render: one of each as it usually is, and Hypothesis's worst."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from deployctl.errors import (
    BrokenError,
    BusyError,
    DeployctlError,
    GateResult,
    HostError,
    RefusedError,
    RestoredError,
    UsageError,
)
from deployctl.events import (
    ConnectionBack,
    ConnectionLost,
    Event,
    HostFinished,
    HostStarted,
    ImageComing,
    Notice,
    Phase,
    RunEnded,
    StepEnded,
    StepStarted,
)
from deployctl.release.abort import AbortOutcome, AbortResult
from deployctl.release.check import CheckFinding, CheckResult, Severity
from deployctl.release.hold import Hold, HoldOutcome, HoldResult
from deployctl.release.reference import Reference
from deployctl.release.release import Action, Release
from deployctl.release.results import (
    Container,
    Health,
    HistoryResult,
    HostOutcome,
    RecordedRun,
    RolledBackTo,
    RolloutResult,
    RunOutcome,
    RunResult,
    State,
    StatusResult,
    UnfinishedRun,
)

NOW = datetime(2025, 11, 23, 12, 0, 0, tzinfo=UTC)
NEW = Release("sha-1a2b3c4", "sha256:" + "4f" * 32, "sha256:" + "9c" * 32)
OLD = Release("sha-0f9e8d7", "sha256:" + "1b" * 32, "sha256:" + "7d" * 32)
BACK = RolledBackTo(OLD, "2025-11-21T09:00:00Z", "kim")
URL = "https://github.com/example/enforcer/actions/runs/11972345678"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def container(release: Release = NEW, **changes: Any) -> Container:
    """Return a healthy container, changed where told."""
    usual: dict[str, Any] = {
        "id": "ab" * 32,
        "name": "infra-enforcer-backend-1",
        "reference": Reference("registry.example.com/enforcer", release.tag),
        "image_id": release.image_id,
        "status": "running",
        "health": Health.HEALTHY,
        "exit_code": 0,
        "restarts": 0,
        "recent_restarts": 0,
        "started_at": "2025-11-23T11:57:00.123456789Z",
        "revision": "1a2b3c4",
    }
    return Container(**{**usual, **changes})


def in_sync(**changes: Any) -> StatusResult:
    """Return a row that is well, changed where told."""
    usual: dict[str, Any] = {
        "host": "vps",
        "service": "enforcer-backend",
        "state": State.IN_SYNC,
        "running": NEW,
        "containers": (container(),),
        "health": "healthy",
        "revision": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        "since": "2025-11-23T11:57:00.123456789Z",
        "deployed_at": "2025-11-23T11:56:58Z",
        "deployed_by": "kim@laptop",
        "run_url": URL,
        "recorded": NEW,
        "rollback": BACK,
        "rollback_image_present": True,
    }
    return StatusResult(**{**usual, **changes})


UNREACHABLE = StatusResult(
    "vps3",
    "enforcer-backend",
    State.UNREACHABLE,
    error=HostError(
        "connect-timeout",
        "vps3 (203.0.113.9:22) did not answer within 10 s",
        hint="is the host up, the address right, and the port open in its firewall?",
        details=("tried 203.0.113.9",),
    ),
)
RESTORED = RestoredError(
    "restored",
    "deploy of enforcer-backend sha-1a2b3c4 on vps2 failed: it did not get healthy in time",
    state="sha-0f9e8d7 is back and healthy",
    hint="deployctl status enforcer-backend",
    details=("starting", "panic: DATABASE_URL is not set"),
)


def run(**changes: Any) -> RunResult:
    """Return a deploy that succeeded, changed where told."""
    usual: dict[str, Any] = {
        "host": "vps",
        "service": "enforcer-backend",
        "action": Action.DEPLOY,
        "outcome": "succeeded",
        "release": NEW,
        "previous": OLD,
        "run": "20251123t115652z-9f3c1a07",
        "seconds": 4.214,
    }
    return RunResult(**{**usual, **changes})


def of_runs(
    *outcomes: RunResult | HostOutcome, not_attempted: tuple[str, ...] = ()
) -> RolloutResult:
    """Return a rollout of these."""
    return RolloutResult(
        Action.DEPLOY,
        "enforcer-backend",
        "sha-1a2b3c4",
        tuple(o if isinstance(o, HostOutcome) else HostOutcome(o.host, o) for o in outcomes),
        not_attempted,
        9.1,
    )


def entry(seq: int, event: str, /, **changes: Any) -> dict[str, object]:
    """Return a history line, changed where told."""
    return {
        "v": 1,
        "seq": seq,
        "run": "20251123t115652z-9f3c1a07",
        "at": f"2025-11-23T11:56:{seq:02d}Z",
        "event": event,
        "action": "deploy",
        "service": "enforcer-backend",
        "tag": NEW.tag,
        "digest": NEW.digest,
        "image_id": NEW.image_id,
        "image_store": "overlay2",
        "files": "3f8a1c",
        "previous": {"tag": OLD.tag, "image_id": OLD.image_id, "digest": OLD.digest},
        "by": "kim@laptop",
        "source": "terminal",
        "run_url": "",
        "reason": "",
        "seconds": 4.21,
        **changes,
    }


def recorded_run(**changes: Any) -> RecordedRun:
    """Return a run that a host has recorded as a success, changed where told."""
    usual: dict[str, Any] = {
        "run": "20251123t115652z-9f3c1a07",
        "service": "enforcer-backend",
        "action": "deploy",
        "release": NEW,
        "previous": OLD,
        "by": "kim@laptop",
        "source": "terminal",
        "run_url": "",
        "outcome": RunOutcome.SUCCEEDED,
        "started_at": "2025-11-23T11:56:54Z",
        "ended_at": "2025-11-23T11:56:58Z",
        "seconds": 4.21,
    }
    return RecordedRun(**{**usual, **changes})


# ---------------------------------------------------------------- the worst

HOSTILE_PIECES = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\label\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bP1$r\x1b\\",
    "\x1b",
    "\x1b[",
    "\x1b]0;unterminated",
    "\x9b2J",
    "\x9d0;title\x9c",
    "\x00",
    "\r",
    "\r\n",
    "\n",
    "\n::error::forged",
    "::error::forged",
    " \t::set-output name=a::b",
    "##[error]forged",
    "#\u200b#[error]",
    "#\u034f#[error]",
    "#\ufe0f#[error]",
    "\x1b[m##\x1b[m[group]",
    ":",
    "[red]",
    "[/opt/infra]",
    ":boom:",
    "\u202egnp.exe",
    "\u2066",
    "\u200b",
    "\ud800",
    "\udfff",
    "\u2028",
    "\x85",
    "\x7f",
    "\t",
    "漢字",
    "é",
    "e\u0301" * 5,
    "\U000e0041",
    "sha-1a2b3c4",
    " ",
    "2025-11-23T11:57:00Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
)
hostile = st.one_of(
    st.lists(st.sampled_from(HOSTILE_PIECES), max_size=6).map("".join),
    st.text(st.characters(), max_size=40),
)
lines = st.lists(hostile, max_size=3).map(tuple)
seconds = st.floats()
releases = st.builds(Release, hostile, hostile, hostile)
targets = st.builds(RolledBackTo, releases, hostile, hostile)


def _error(kind: type[DeployctlError], texts: list[str], details: tuple[str, ...]) -> Any:
    return kind(texts[0], texts[1], hint=texts[2], state=texts[3], details=details)


errors = st.builds(
    _error,
    st.sampled_from([UsageError, RefusedError, HostError, RestoredError, BrokenError]),
    st.lists(hostile, min_size=4, max_size=4),
    lines,
)
containers = st.builds(
    Container,
    id=hostile,
    name=hostile,
    reference=st.builds(Reference, hostile, hostile, hostile),
    image_id=hostile,
    status=st.one_of(hostile, st.just("running")),
    health=st.sampled_from(Health),
    exit_code=st.integers(),
    restarts=st.integers(),
    recent_restarts=st.integers(),
    started_at=hostile,
    revision=hostile,
)
unfinished_runs = st.builds(UnfinishedRun, *[hostile] * 6)
statuses = st.builds(
    StatusResult,
    host=hostile,
    service=hostile,
    state=st.sampled_from(State),
    running=st.none() | releases,
    containers=st.lists(containers, max_size=2).map(tuple),
    health=hostile,
    revision=hostile,
    since=hostile,
    deployed_at=hostile,
    deployed_by=hostile,
    run_url=hostile,
    recorded=st.none() | releases,
    rollback=st.none() | targets,
    rollback_image_present=st.booleans(),
    rollback_refusal=hostile,
    hold=hostile,
    run_in_progress=st.none() | unfinished_runs,
    interrupted_run=st.none() | unfinished_runs,
    notes=lines,
    error=st.none() | errors,
    seconds=seconds,
)
runs = st.builds(
    RunResult,
    host=hostile,
    service=hostile,
    action=st.sampled_from(Action),
    outcome=st.sampled_from(["succeeded", "unchanged", "planned"]),
    release=releases,
    previous=st.none() | releases,
    run=hostile,
    seconds=seconds,
    gate_results=st.lists(st.builds(GateResult, hostile, st.booleans(), hostile), max_size=2).map(
        tuple
    ),
    commands=lines,
    notes=lines,
    target=st.none() | targets,
)
outcomes = st.one_of(
    st.builds(HostOutcome, hostile, result=runs), st.builds(HostOutcome, hostile, error=errors)
)
rollouts = st.builds(
    RolloutResult,
    st.sampled_from(Action),
    hostile,
    hostile,
    st.lists(outcomes, max_size=3).map(tuple),
    lines,
    seconds,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(hostile, inner, max_size=2),
    max_leaves=4,
)
entries = st.dictionaries(st.sampled_from(sorted(entry(1, "started"))), values)
recorded_runs = st.builds(
    RecordedRun,
    run=hostile,
    service=hostile,
    action=hostile,
    release=releases,
    previous=st.none() | releases,
    by=hostile,
    source=hostile,
    run_url=hostile,
    outcome=st.sampled_from(RunOutcome),
    reason=hostile,
    started_at=hostile,
    ended_at=hostile,
    seconds=st.none() | seconds,
)
histories = st.builds(
    HistoryResult,
    hostile,
    st.lists(entries, max_size=3).map(tuple),
    lines,
    st.none() | errors,
    st.lists(recorded_runs, max_size=3).map(tuple),
)
findings = st.builds(
    CheckFinding,
    check=st.sampled_from(["registry", "dependencies", "host-key"]),
    code=hostile,
    severity=st.sampled_from(Severity),
    message=hostile,
    remedy=hostile,
    details=lines,
)
checks = st.builds(
    CheckResult, hostile, hostile, st.lists(findings, max_size=4).map(tuple), seconds
)
_holds = st.none() | st.builds(Hold, hostile, hostile, hostile)
holds = st.builds(
    HoldResult,
    hostile,
    hostile,
    st.sampled_from(HoldOutcome),
    hold=_holds,
    before=_holds,
    busy=hostile,
    error=st.none() | st.builds(BusyError, hostile, hostile, hint=hostile, state=hostile),
)
aborts = st.builds(
    AbortResult,
    hostile,
    hostile,
    st.sampled_from(AbortOutcome),
    run=st.none() | unfinished_runs,
    serves=hostile,
    rung=hostile | st.sampled_from(["untouched", "forced"]),
    error=st.none() | st.builds(BusyError, hostile, hostile, hint=hostile, state=hostile),
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(StepStarted, hostile, st.sampled_from(Phase), hostile, st.none() | seconds),
    st.builds(StepEnded, hostile),
    st.builds(RunEnded, hostile, st.none() | seconds),
    st.builds(ConnectionLost, hostile, hostile),
    st.builds(ConnectionBack, hostile),
    st.builds(HostStarted, hostile, st.integers(), st.integers()),
    st.builds(HostFinished, hostile, st.none() | errors),
    st.builds(Notice, hostile, hostile),
    st.builds(ImageComing, hostile, *[st.integers()] * 3, *[st.none() | st.integers()] * 2),
)

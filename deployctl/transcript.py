"""What a run says about itself, line by line: the events of host/transact.sh. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deployctl import history
from deployctl.errors import HostError
from deployctl.facts import decode, read_holder, read_stranger
from deployctl.foreign import json_object
from deployctl.model import Stranger, UnfinishedRun

_ENDS = frozenset({"outcome", "ended", "busy", "changed", "refused", "cancelled", "unknown-run"})
STRANGER = "stranger"
"""What a "busy" is about where no run holds the lock."""
_LONGEST = 1e9
_LOGS = frozenset({"container-log", "health-log", "run-log"})


@dataclass(frozen=True)
class Transcript:
    """What a run's events said so far; `hear` adds one.

    Attributes:
        begun: the change was started on the host.
        waited: another run held the lock at first.
        end: how it came to its end: "outcome", "ended", "busy", "changed", "refused",
            "cancelled", "unknown-run"; empty: not yet.
        what: of a refusal or change: what was refused or changed.
        text: the event's text, as bytes: a history line, a holder, evidence.
        shown: logs to show after a failure, by event name.
        limit: seconds that the release was given to get healthy, where they were not enough; None:
            it failed in another way.
        restore_reason: why the restore failed; empty: it did not.
        recorded: whether the outcome could be written into the history.
        unchecked: the release is up, but has no health check that says more.
        step: the last step that began.
        step_at: when it did, in seconds since the run began; None: not known.
    """

    begun: bool = False
    waited: bool = False
    end: str = ""
    what: str = ""
    text: bytes = b""
    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limit: float | None = None
    restore_reason: str = ""
    recorded: bool = True
    unchecked: bool = False
    step: str = ""
    step_at: float | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """The event's text in lines."""
        return tuple(self.text.decode("utf-8", "replace").splitlines())

    def entry(self) -> history.Entry | None:
        """Return the history line that ended the run, if it can be read."""
        entries = history.parse(self.text + b"\n").entries
        return entries[-1] if entries else None

    def ended_at(self) -> float | None:
        """Return when the run ended, in seconds since it began; None: not known."""
        entry = self.entry()
        return entry.seconds if entry and entry.event in history.OUTCOMES else None

    def holder(self) -> UnfinishedRun:
        """Return who holds the lock, after "busy"."""
        return read_holder(self.text)


def hear(transcript: Transcript, line: bytes) -> Transcript:
    """Add one line that transact.sh printed; what is no event of it is passed over."""
    try:
        return _heard(transcript, _event(line))
    except HostError:
        return transcript  # its text cannot be read


def waiting_for(line: bytes) -> UnfinishedRun | Stranger | None:
    """Return who holds the lock, if the line asks the client whether it still waits."""
    event = _event(line)
    if event.get("event") != "waiting":
        return None
    try:
        return (read_stranger if event.get("what") == STRANGER else read_holder)(_text(event))
    except HostError:
        return UnfinishedRun()


def is_event(line: bytes) -> bool:
    """Whether a line can be one of transact.sh, and not something else that the host says."""
    return "event" in _event(line)


def _heard(transcript: Transcript, event: Mapping[str, Any]) -> Transcript:
    what = str(event.get("what", ""))
    news: dict[str, Any] = {}
    match event.get("event"):
        case "waiting":
            news = {"waited": True}
        case "begun":
            news = {"begun": True}
        case "step":
            news = {"begun": True, "step": what, "step_at": _seconds(event)}
        case "well":
            news = {"unchecked": what == "unchecked"}
        case "gave-up" if transcript.step != "restore":
            news = {"limit": _seconds(event)}
        case "restore-failed":
            news = {"restore_reason": str(event.get("reason", ""))}
        case "not-recorded":
            news = {"recorded": False}
        case str(kind) if kind in _LOGS:
            news = {"shown": {**transcript.shown, kind: _log_lines(event)}}
        case str(kind) if kind in _ENDS and not (kind == "ended" and transcript.end):
            news = {"end": kind, "what": what, "text": _text(event)}
    return replace(transcript, **news)


def _event(line: bytes) -> Mapping[str, Any]:
    try:
        return json_object(line)
    except ValueError:
        return {}


def _text(event: Mapping[str, Any]) -> bytes:
    return decode(event.get("text", ""))


def _seconds(event: Mapping[str, Any]) -> float | None:
    """A time that can be shown; None: there is none, or something else in its place."""
    value = event.get("seconds")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < _LONGEST else None


def _log_lines(event: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_text(event).decode("utf-8", "replace").splitlines())

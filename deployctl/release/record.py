"""The record of what was deployed: the history file's text ↔ entries.

Pure. The file is append-only JSON Lines, written by compose/host/transact.sh, and described in
docs/history-format.md. Its content is not trusted: what cannot be read is skipped and said, and
where a skipped line could change an answer, there is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployctl.release.foreign_json import json_object
from deployctl.release.origin import WorkflowRun
from deployctl.release.release import Release

VERSION = 1
STARTED, SUCCEEDED, RESTORED, BROKEN, INTERRUPTED = (
    "started",
    "succeeded",
    "restored",
    "broken",
    "interrupted",
)
WHY_NO_OUTCOME = "it was killed, the host went down, or its record is damaged"
"""What can have become of a run that is `interrupted`."""
OUTCOMES = frozenset({SUCCEEDED, RESTORED, BROKEN, INTERRUPTED})
_BEGINNING = b'{"v":1,"seq":'
_EVENTS = OUTCOMES | {STARTED}
_LONGEST = 1e9
_MOST_RUNS = 10**9
_LINES_NAMED = 3


@dataclass(frozen=True)
class Entry:
    """One line of the history; see docs/history-format.md for its fields."""

    seq: int
    run: str
    at: str
    event: str
    action: str
    service: str
    release: Release
    previous: Release | None
    image_store: str
    files: str
    by: str
    source: str
    run_url: str
    reason: str
    seconds: float
    rung: str = ""
    serves: str = ""
    aborted_by: str = ""
    unchanged: bool = False
    workflow_run: WorkflowRun | None = None
    raw: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True)
class History:
    """What could be read of a history file.

    Attributes:
        entries: in the file's order.
        problems: what could not be read, a line for each kind of fault.
        gaps: indexes into `entries` before which lines are missing: unreadable or cut out;
            the number of entries, if that is so at the end.
        size: of the file, in bytes.
        truncated: whether only the end of the file was read.
        readable: False where the file is there but could not be read at all.
    """

    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()
    gaps: frozenset[int] = frozenset()
    size: int = 0
    truncated: bool = False
    readable: bool = True

    @property
    def next_seq(self) -> int:
        """The number of the next line."""
        return max((entry.seq for entry in self.entries), default=0) + 1

    def of(self, service: str) -> tuple[Entry, ...]:
        """Return the entries of one service."""
        return tuple(entry for entry in self.entries if entry.service == service)

    def last_success(self, service: str) -> Entry | None:
        """Return the last recorded success: what should be running."""
        return _last(self.of(service), {SUCCEEDED})

    def brought_by(self, success: Entry) -> Entry:
        """Return the success that brought what another one found running already."""
        if not success.unchanged:
            return success
        brought = (
            entry
            for entry in reversed(self.of(success.service))
            if entry.event == SUCCEEDED
            and not entry.unchanged
            and entry.release.tag == success.release.tag
        )
        return next(brought, success)

    def last_end(self, service: str) -> Entry | None:
        """Return how the service's last run ended: its outcome, or its start if it has none.

        One that found the release running already has done nothing.
        """
        entries = [entry for entry in self.of(service) if not entry.unchanged]
        return entries[-1] if entries else None

    def newest_run_of(self, workflow: str, service: str) -> Entry | None:
        """Return the last line of a workflow's newest run that changed the service.

        One that failed and was put back, or left a broken release, has left nothing to protect. One
        without an outcome may have left its release.
        """
        entries = self.of(service)
        failed = {entry.run for entry in entries if entry.event in {RESTORED, BROKEN}}
        newest: Entry | None = None
        age = (0, 0)
        for entry in entries:
            run = entry.workflow_run
            if run and run.workflow == workflow and run.age >= age and entry.run not in failed:
                newest, age = entry, run.age
        return newest

    def unfinished(self) -> tuple[Entry, ...]:
        """Return the `started` lines without an outcome, of any service, oldest first."""
        ended = {entry.run for entry in self.entries if entry.event in OUTCOMES}
        return tuple(e for e in self.entries if e.event == STARTED and e.run not in ended)

    def has_ended(self, run: str) -> bool:
        """Whether a run's outcome is recorded."""
        return any(entry.run == run and entry.event in OUTCOMES for entry in self.entries)


# ---------------------------------------------------------------- text → entries


def parse(data: bytes, *, size: int | None = None) -> History:
    """Read the end of a history file.

    Args:
        data: the file's last bytes, or all of it.
        size: of the whole file in bytes; None: `data` is all of it.
    """
    size = len(data) if size is None else size
    truncated = size > len(data)
    lines = data.split(b"\n")
    if truncated:
        lines = lines[1:]  # its beginning was cut off
    torn = lines.pop() if lines else b""
    entries: list[Entry] = []
    unreadable: dict[str, list[int]] = {}
    for number, line in enumerate(lines, start=1):
        _read_line(line, number, entries, unreadable)
    problems = [_unreadable_text(what, at, truncated) for what, at in unreadable.items()]
    if torn.strip():
        _read_torn(torn, entries, problems)
    gaps = _gaps(entries)
    problems += _gaps_text(entries, gaps)
    if _hides_its_end([*lines, torn] if _readable(torn) else lines):
        gaps |= {len(entries)}
    return History(tuple(entries), tuple(problems), gaps, size, truncated)


def _read_line(
    line: bytes, number: int, entries: list[Entry], unreadable: dict[str, list[int]]
) -> None:
    if not line.strip():
        return
    try:
        entries.append(_entry(line))
    except _UnreadableError as what:
        unreadable.setdefault(str(what), []).append(number)


def _unreadable_text(what: str, numbers: Sequence[int], truncated: bool) -> str:
    """One note for all the lines with the same fault, however many they are."""
    where = " of what was read" if truncated else ""
    if len(numbers) == 1:
        return f"line {numbers[0]}{where}: {what}"
    first = ", ".join(map(str, numbers[:_LINES_NAMED]))
    more = ", …" if len(numbers) > _LINES_NAMED else ""
    return f"{len(numbers)} lines ({first}{more}){where}: {what}"


def _read_torn(line: bytes, entries: list[Entry], problems: list[str]) -> None:
    """The last line has no end: whole but for the newline, or cut off in the middle."""
    try:
        entries.append(_entry(line))
    except _UnreadableError:
        problems.append("the last line is torn (disk full or power cut while it was written)")


def _hides_its_end(lines: Sequence[bytes]) -> bool:
    """Whether the last lines are whole and cannot be read, so that no number tells of them.

    Those that are the beginning of a line of ours were torn: they never told an outcome.
    """
    for line in reversed(lines):
        if not line.strip() or _is_torn(line):
            continue
        return not _readable(line)
    return False


def _is_torn(line: bytes) -> bool:
    begins = line.startswith(_BEGINNING) or _BEGINNING.startswith(line)
    return begins and line.count(_BEGINNING) <= 1 and not line.rstrip().endswith(b"}")


def _readable(line: bytes) -> bool:
    try:
        _entry(line)
    except _UnreadableError:
        return False
    return True


class _UnreadableError(Exception):
    pass


def _entry(line: bytes) -> Entry:
    try:
        value = json_object(line)
    except ValueError as why:
        raise _UnreadableError(str(why)) from None
    version = value.get("v")
    if version != VERSION or isinstance(version, bool):
        raise _UnreadableError("unknown version: a newer deployctl may have written it")
    return _typed_entry(value)


def _typed_entry(value: Mapping[str, Any]) -> Entry:
    seq = value.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 < seq < 2**53:
        raise _UnreadableError("no usable seq")
    event = _text(value, "event")
    if event not in _EVENTS:
        raise _UnreadableError("unknown event")
    return Entry(
        seq=seq,
        run=_text(value, "run"),
        at=_text(value, "at"),
        event=event,
        action=_text(value, "action"),
        service=_text(value, "service"),
        release=Release(
            _text(value, "tag"), _text(value, "image_id"), _text(value, "digest", default="")
        ),
        previous=_previous(value.get("previous")),
        image_store=_text(value, "image_store", default=""),
        files=_text(value, "files", default=""),
        by=_text(value, "by", default=""),
        source=_text(value, "source", default=""),
        run_url=_text(value, "run_url", default=""),
        reason=_text(value, "reason", default=""),
        seconds=_seconds(value.get("seconds")),
        rung=_remark(value, "rung"),
        serves=_remark(value, "serves"),
        aborted_by=_remark(value, "aborted_by"),
        unchanged=value.get("unchanged") is True,
        workflow_run=_workflow_run(value),
        raw=value,
    )


def _text(value: Mapping[str, Any], key: str, *, default: str | None = None) -> str:
    text = value.get(key, default)
    if not isinstance(text, str):
        raise _UnreadableError(f"no usable {key}")
    return text


def _remark(value: Mapping[str, Any], key: str) -> str:
    """A field that decides nothing: what is no text is as good as missing."""
    text = value.get(key)
    return text if isinstance(text, str) else ""


def _workflow_run(value: Mapping[str, Any]) -> WorkflowRun | None:
    """The optional fields about it; where one is of no use, its age is not known."""
    workflow, commit = value.get("workflow"), value.get("commit")
    number, attempt = value.get("run_number"), value.get("run_attempt")
    if not isinstance(workflow, str) or not workflow:
        return None
    if not isinstance(number, int) or not isinstance(attempt, int):
        return None
    if isinstance(number, bool) or isinstance(attempt, bool):
        return None
    if not 0 < number < _MOST_RUNS or not 0 < attempt < _MOST_RUNS:
        return None
    return WorkflowRun(workflow, number, attempt, commit if isinstance(commit, str) else "")


def _seconds(value: object) -> float:
    """A duration that can be shown; what is no such number counts as 0."""
    if not isinstance(value, (int, float)) or not 0 <= value < _LONGEST:
        return 0.0
    return float(value)


def _previous(value: object) -> Release | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _UnreadableError("no usable previous")
    return Release(
        _text(value, "tag"), _text(value, "image_id"), _text(value, "digest", default="")
    )


def _gaps(entries: Sequence[Entry]) -> frozenset[int]:
    """Numbers go up one by one; where they do not, something is missing or was put in."""
    return frozenset(
        index
        for index in range(1, len(entries))
        if entries[index].seq != entries[index - 1].seq + 1
    )


def _gaps_text(entries: Sequence[Entry], gaps: Collection[int]) -> list[str]:
    if not gaps:
        return []
    first = min(gaps)
    places = "" if len(gaps) == 1 else f" in {len(gaps)} places, first"
    before, after = entries[first - 1].seq, entries[first].seq
    return [f"the numbering is broken{places}: {after} follows {before}"]


def _last(entries: Iterable[Entry], events: Iterable[str]) -> Entry | None:
    wanted = frozenset(events)
    return next((entry for entry in reversed(tuple(entries)) if entry.event in wanted), None)


def tag_put_back(restored: Entry) -> str:
    """Return the tag that a `restored` run left serving; empty: it has none of the service's.

    A line of a version before does not say it: what it calls previous was put back.
    """
    if "serves" in restored.raw:
        return restored.serves
    return restored.previous.tag if restored.previous else ""


# ---------------------------------------------------------------- entries → text


def record_fields(
    *,
    run: str,
    action: str,
    service: str,
    release: Release,
    previous: Release | None,
    image_store: str,
    files: str,
    by: str,
    source: str,
    run_url: str,
    workflow_run: WorkflowRun | None = None,
    found: str | None = None,
    unchanged: bool = False,
) -> str:
    """Return the JSON fields of a run's history lines that the client knows, without braces.

    The host adds v, seq, at, event, reason and seconds.
    """
    fields: dict[str, object] = {
        "run": run,
        "action": action,
        "service": service,
        "tag": release.tag,
        "digest": release.digest,
        "image_id": release.image_id,
        "image_store": image_store,
        "files": files,
        "previous": _release_fields(previous),
        "by": by,
        "source": source,
        "run_url": run_url,
        "workflow": workflow_run.workflow if workflow_run else "",
        "run_number": workflow_run.number if workflow_run else None,
        "run_attempt": workflow_run.attempt if workflow_run else None,
        "commit": workflow_run.commit if workflow_run else "",
    }
    if found is not None:
        fields["found"] = found
    if unchanged:
        fields["unchanged"] = True
    return json.dumps(fields, separators=(",", ":"))[1:-1]


def interrupted_fields(entry: Entry) -> str:
    """Return the same for the line that ends an abandoned run."""
    return record_fields(
        run=entry.run,
        action=entry.action,
        service=entry.service,
        release=entry.release,
        previous=entry.previous,
        image_store=entry.image_store,
        files=entry.files,
        by=entry.by,
        source=entry.source,
        run_url=entry.run_url,
        workflow_run=entry.workflow_run,
    )


def aborted_fields(by: str) -> str:
    """Return the JSON field that names who aborted a run, for its outcome's line."""
    return json.dumps({"aborted_by": by}, separators=(",", ":"))[1:-1]


def _release_fields(release: Release | None) -> dict[str, str] | None:
    if release is None:
        return None
    return {"tag": release.tag, "image_id": release.image_id, "digest": release.digest}

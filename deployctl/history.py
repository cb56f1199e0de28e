"""The history file: text ↔ entries, what it says is deployed, and where a rollback goes.

Pure. The file is append-only JSON Lines, written by host/transact.sh; docs/history-format.md
describes it. Its content is not trusted: what cannot be read is skipped and said, and where a
skipped line could change an answer, there is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployctl import suggest
from deployctl.foreign import json_object
from deployctl.model import Container, Release, RolledBackTo, WorkflowRun

VERSION = 1
STARTED, SUCCEEDED, RESTORED, BROKEN, INTERRUPTED = (
    "started",
    "succeeded",
    "restored",
    "broken",
    "interrupted",
)
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

    def last_end(self, service: str) -> Entry | None:
        """Return how the service's last run ended: its outcome, or its start if it has none."""
        entries = self.of(service)
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


class NoTarget(Exception):  # noqa: N818 - an answer of the rule, not a failure of the program
    """There is nothing that a rollback could go to.

    Attributes:
        code: a stable word for the reason.
        hint: what to type instead.
    """

    def __init__(self, code: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.hint = hint


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
        workflow_run=_workflow_run(value),
        raw=value,
    )


def _text(value: Mapping[str, Any], key: str, *, default: str | None = None) -> str:
    text = value.get(key, default)
    if not isinstance(text, str):
        raise _UnreadableError(f"no usable {key}")
    return text


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


# ---------------------------------------------------------------- what runs


def same_release(recorded: Release, running: Release, digests: Iterable[str] = ()) -> bool:
    """Whether what runs is the recorded content.

    Image ids differ between docker's image stores, so a digest that both know decides too.

    Args:
        recorded: from the history.
        running: from docker.
        digests: repo digests ("sha256:…") of the running image.
    """
    if recorded.tag != running.tag:
        return False
    return recorded.image_id == running.image_id or (
        bool(recorded.digest) and recorded.digest in set(digests)
    )


def release_of(containers: Sequence[Container]) -> Release | None:
    """Return the release that all containers are made of, running or not; None: none or mixed."""
    kinds = {(c.reference.tag, c.image_id) for c in containers}
    if len(kinds) != 1:
        return None
    tag, image_id = kinds.pop()
    return Release(tag, image_id)


# ---------------------------------------------------------------- rollback


def stack(entries: Iterable[Entry]) -> list[Entry]:
    """Fold the successes of one service into the releases that a rollback goes down through.

    A deploy pushes its release unless it is on top; a rollback pops until its release is. One to
    a release from before all that was read has popped everything; one to a release that was
    popped before goes forward again, and pushes it.
    """
    releases: list[Entry] = []
    known: list[Entry] = []
    for entry in entries:
        if entry.event != SUCCEEDED:
            continue
        if entry.action == "rollback":
            if any(_same(entry, e) for e in releases):
                while not _same(releases[-1], entry):
                    releases.pop()
            elif not any(_same(entry, e) for e in known):
                releases.clear()
        if not releases or not _same(releases[-1], entry):
            releases.append(entry)
            known.append(entry)
    return releases


def rollback_target(
    history: History,
    service: str,
    running: Release | None,
    *,
    well: bool,
    digests: Sequence[str] = (),
) -> Entry:
    """Return the success that a rollback without a tag goes back to.

    Args:
        history: of the host.
        service: what is to be rolled back.
        running: the release that the service's containers are made of; None: none, or mixed.
        well: whether they all run and are healthy.
        digests: repo digests of the running image.

    Raises:
        NoTarget: there is none, or the history is damaged where it matters.
    """
    _require_readable(history)
    releases = stack(history.of(service))
    if not releases:
        raise _no_success(service)
    position = _position(history, service, releases, running, well=well, digests=digests)
    last = history.last_end(service)
    if last and last.event == RESTORED and well and _is_what_was_restored(last, running):
        raise _already_put_back(service, last, releases, position)
    target = _below(releases, position)
    if target is None:
        raise NoTarget(
            "no-older-success",
            f"{releases[0].release.tag} is the oldest release of {service} recorded on this host"
            if not history.truncated
            else f"the part of the history that was read has nothing older than "
            f"{releases[0].release.tag}",
            suggest.hint(
                "name a tag that succeeded here before:", suggest.deployctl("history", service)
            ),
        )
    _require_no_gap_after(history, target, service)
    return target


def target_during_deploy(history: History, service: str) -> Entry:
    """Return what an unnamed rollback goes back to while a deploy of the service is going on.

    That deploy is what shall be undone, however it ends: the release it started from is wanted.

    Raises:
        NoTarget: there is none, or the history is damaged where it matters.
    """
    _require_readable(history)
    target = history.last_success(service)
    if target is None:
        raise _no_success(service)
    _require_no_gap_after(history, target, service)
    return target


def named_target(history: History, service: str, tag: str) -> Entry:
    """Return the last success of a tag that the user named.

    Raises:
        NoTarget: the tag never succeeded on this host, or the history cannot be read.
    """
    _require_readable(history)
    for entry in reversed(history.of(service)):
        if entry.event == SUCCEEDED and entry.release.tag == tag:
            return entry
    tags = dict.fromkeys(e.release.tag for e in reversed(stack(history.of(service))))
    known = list(filter(suggest.is_tag, tags))
    raise NoTarget(
        "never-succeeded",
        f"{tag} never succeeded on this host",
        f"tags that succeeded here: {', '.join(known[:5])}"
        if known
        else suggest.hint("none is recorded:", suggest.deployctl("deploy", service, "TAG")),
    )


def known_good_tags(history: History, service: str, count: int) -> tuple[str, ...]:
    """Return the tags that succeeded last, newest first, `count` at most.

    Those that were rolled back from are among them: the way forward again needs no registry.
    """
    successes = (e for e in reversed(history.of(service)) if e.event == SUCCEEDED)
    return tuple(dict.fromkeys(entry.release.tag for entry in successes))[:count]


def as_target(entry: Entry) -> RolledBackTo:
    """Return what people want to know of a rollback's target."""
    return RolledBackTo(entry.release, entry.at, entry.by)


def _position(
    history: History,
    service: str,
    releases: Sequence[Entry],
    running: Release | None,
    *,
    well: bool,
    digests: Sequence[str],
) -> int | None:
    """Index of what runs in the stack; None: it is not in there, or does not count."""
    last = history.last_end(service)
    unsettled = last is not None and last.event in {STARTED, BROKEN, INTERRUPTED}
    if running is None or (unsettled and not well):
        return None
    if last and _came_unrecorded(last, running) and not _same_as(releases[-1], running):
        return None
    for index in range(len(releases) - 1, -1, -1):
        if same_release(releases[index].release, running, digests):
            return index
    return None


def _came_unrecorded(last: Entry, running: Release) -> bool:
    """Whether what runs is what the last run, a deploy that left no outcome, was to bring."""
    unknown = last.event in {STARTED, INTERRUPTED} and last.action == "deploy"
    return unknown and _same_as(last, running)


def _same_as(entry: Entry, running: Release) -> bool:
    return (entry.release.tag, entry.release.image_id) == (running.tag, running.image_id)


def _below(releases: Sequence[Entry], position: int | None) -> Entry | None:
    if position is None:
        return releases[-1]
    return releases[position - 1] if position > 0 else None


def _is_what_was_restored(last: Entry, running: Release | None) -> bool:
    return (
        last.previous is not None
        and running is not None
        and (last.previous.tag, last.previous.image_id) == (running.tag, running.image_id)
    )


def _no_success(service: str) -> NoTarget:
    return NoTarget(
        "no-success",
        f"no successful deploy of {service} is recorded on this host",
        suggest.hint(
            "deploy a tag that is known to work:", suggest.deployctl("deploy", service, "TAG")
        ),
    )


def _already_put_back(
    service: str, last: Entry, releases: Sequence[Entry], position: int | None
) -> NoTarget:
    back = last.previous.tag if last.previous else "the previous release"
    further = _below(releases, position)
    return NoTarget(
        "already-put-back",
        f"the {last.action} of {last.release.tag} failed and {back} was put back by itself: "
        "there is nothing to undo",
        suggest.hint(
            "to go further back:", suggest.deployctl("rollback", service, tag=further.release.tag)
        )
        if further
        else "there is no older recorded release to go to",
    )


def _require_readable(history: History) -> None:
    if not history.readable:
        raise NoTarget(
            "history-unreadable",
            "the history file is there but cannot be read, so the way back is not known",
            "look at the file's owner and permissions on the host",
        )


def _require_no_gap_after(history: History, target: Entry, service: str) -> None:
    """A missing line behind the target may be the success that should have been the target."""
    position = history.entries.index(target)
    if any(gap > position for gap in history.gaps):
        raise NoTarget(
            "history-damaged",
            f"lines are missing in the history after {target.release.tag}, "
            "so it may not be the previous release",
            suggest.hint(
                "name the tag, if it is right:",
                suggest.deployctl("rollback", service, tag=target.release.tag),
            ),
        )


def _same(one: Entry, other: Entry) -> bool:
    return same_release(
        one.release, other.release, (other.release.digest,) if other.release.digest else ()
    )


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


def _release_fields(release: Release | None) -> dict[str, str] | None:
    if release is None:
        return None
    return {"tag": release.tag, "image_id": release.image_id, "digest": release.digest}


def is_usable_tag(tag: str) -> bool:
    """Whether a recorded tag may be used in a command at all."""
    return suggest.is_tag(tag)

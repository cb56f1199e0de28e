"""The points about what is ours on a host: the record, the lock, a hold, the tag that is kept."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from deployctl.compose import gates
from deployctl.compose.lock import lock_taken
from deployctl.compose.points.finding import Subject, judged, problem, ruled, warning
from deployctl.compose.service import ServiceOnHost
from deployctl.release import record, suggest
from deployctl.release.check import CheckFinding

_MOST_PROBLEMS = 5


def state(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether we can write our own files, and nobody else can open them."""
    yield from ruled(subject, "state", f"{subject.service.state_directory} can be written")
    opened = subject.measures.open_files if subject.measures else ()
    if opened:
        directory = subject.service.state_directory
        # A path is the inventory's, but for the name of a file right in it.
        closing = [posixpath.join(directory, name) for name in opened if suggest.is_name(name)]
        yield warning(
            "state",
            "state-open",
            f"other users of the host can open {', '.join(opened)} in {directory}: who can open "
            "the lock can keep every run from beginning",
            suggest.hint(
                "the next deploy, rollback, hold or unhold closes what belongs to "
                f"{subject.facts.user}; or now, on the host, as root:",
                suggest.typed("chmod", "-R", "go=", *(closing or [directory])),
            ),
        )


def persist(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether the tag can be kept in the project's .env."""
    service, configuration = subject.service, subject.facts.configuration
    if not service.persist:
        return
    if configuration and configuration.sharing_tag(service.name):
        yield judged("persist", lambda: gates.tag_is_not_shared(service, configuration))
    else:
        yield from ruled(subject, "persist", f"the tag can be kept in {service.env_file}")


def history(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether the history can be read, and name the runs in it without an outcome."""
    recorded = subject.facts.history
    count = len(recorded.entries)
    said = f"{count} lines read, numbered without a gap" if count else "nothing is recorded yet"
    if recorded.readable and recorded.problems:
        yield warning(
            "history",
            "history-damaged",
            "lines of it are missing or cannot be read",
            "a rollback refuses where that matters: name its tag then; docs/history-format.md "
            "says what readers do with damage",
            recorded.problems[:_MOST_PROBLEMS],
        )
    else:
        yield from ruled(subject, "history", said)
    yield from _interrupted(subject)


def _interrupted(subject: Subject) -> Iterator[CheckFinding]:
    if subject.facts.holder:
        return  # a run that goes on has no outcome yet
    down = ServiceOnHost.found(subject.service, subject.facts).down
    for entry in subject.facts.history.unfinished()[-_MOST_PROBLEMS:]:
        own = [name for name in (subject.service.name,) if name == entry.service]
        yield warning(
            "history",
            "run-interrupted",
            f"{entry.action} of {entry.service} {entry.release.tag} left no outcome: "
            + record.WHY_NO_OUTCOME
            + (f"; {entry.service} is down" if own and down else ""),
            suggest.hint(
                "the next deploy or rollback records it; what runs now:",
                suggest.deployctl("status", *own),
            ),
        )


def lock(subject: Subject) -> Iterator[CheckFinding]:
    """Judge who holds the lock."""
    directory = subject.service.state_directory
    if subject.measures and subject.measures.blocked_by and not subject.facts.holder:
        error = lock_taken(subject.host.name, subject.measures.blocked_by, directory)
        yield problem("lock", error)
    else:
        yield judged(
            "lock",
            lambda: gates.not_busy(subject.facts, subject.host.name, subject.service, wait=0),
        )


def hold(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether deploys are held."""
    yield judged("hold", lambda: gates.no_hold(subject.facts))

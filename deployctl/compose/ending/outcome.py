"""What the outcome that a run recorded means for the user: its result, or the error to raise."""

from __future__ import annotations

from deployctl.compose.ending.asked import Asked
from deployctl.compose.ending.never_begun import looks_never_begun, never_begun, nothing_recorded
from deployctl.compose.host.transact import RunEvents
from deployctl.errors import BrokenError, DeployctlError, RestoredError
from deployctl.quoting import shown, shown_name
from deployctl.release import record, suggest
from deployctl.release.reference import is_digest

REASONS = {
    "tag-failed": "docker could not name the image",
    "dependency-failed": "a dependency could not be started",
    "dependency-incomplete": "a dependency that has to end well before the release did not",
    "dependency-unhealthy": "a dependency that was started did not get healthy",
    "up-failed": "docker compose up failed",
    "health-timeout": "it did not get healthy in time",
    "unhealthy": "its health check says unhealthy",
    "exited": "its container exited",
    "crash-loop": "its container crashes again and again",
    "other-image": "its container runs another image than the one that was verified",
    "killed": "the run was killed on the host",
    "aborted": "somebody aborted it",
    "docker-away": "docker on the host did not answer",
    "not-recreated": "its container was not made anew",
    "persist-failed": "the tag could not be kept in the project's .env",
}
# How the old release came back, from what was the least to what was the most to do.
_RUNGS = {
    "untouched": "{} runs as before, healthy: it was left alone",
    "started": "{} is back and healthy: its containers were started again",
    "made": "{} is back and healthy: its containers were made again",
    "forced": "{} is back and healthy: made again from today's compose files",
}


def success_entry(events: RunEvents, asked: Asked) -> record.Entry:
    """Return the history line of a run that succeeded.

    Args:
        events: of a run that came to its end.
        asked: what is known of it.

    Raises:
        DeployctlError: every other end, with its exit status.
    """
    if events.end in {"outcome", "ended"}:
        return _recorded_end(events, asked)
    if events.begun and looks_never_begun(events):
        raise _record_gone(asked)
    raise never_begun(events, asked)


def notes_of_success(events: RunEvents) -> tuple[str, ...]:
    """Return what is worth knowing of a run that succeeded."""
    entry = events.entry()
    if entry is None or not entry.reason:
        return ()
    why = _why(entry)
    return (f"it looked like a failure at first ({why}), but it runs and is healthy now",)


def _recorded_end(events: RunEvents, asked: Asked) -> record.Entry:
    host, entry = asked.host, events.entry()
    if entry is None or entry.run != asked.run:
        raise _record_gone(asked) if events.begun else nothing_recorded(asked)
    if not asked.agrees(entry):
        raise _of_another_run(entry, asked)
    if entry.event == record.SUCCEEDED:
        if not events.recorded:
            raise _not_recorded(entry, host)
        return entry
    if entry.event == record.RESTORED:
        raise _restored(events, entry, host)
    if entry.event == record.BROKEN:
        raise _broken(events, entry, host)
    raise _interrupted(entry, host)


def _restored(events: RunEvents, entry: record.Entry, host: str) -> DeployctlError:
    back = record.tag_put_back(entry)
    return RestoredError(
        "restored",
        f"{entry.action} of {entry.service} {entry.release.tag} on {host} failed: "
        f"{_why(entry, events.limit)}",
        state=_RUNGS.get(entry.rung, "{} is back and healthy").format(
            shown_tag(back) if back else "what ran before"
        ),
        hint=suggest.hint(
            "fix what the log shows and deploy a new commit; what runs now:",
            suggest.deployctl("status", entry.service),
        ),
        details=_shown_logs(events),
        about=_about(entry),
    )


def _broken(events: RunEvents, entry: record.Entry, host: str) -> DeployctlError:
    look = suggest.deployctl("status", entry.service)
    hint = suggest.hint("look at what runs, then fix it and deploy again:", look)
    why = REASONS.get(events.restore_reason, "it did not get healthy")
    if entry.serves and entry.serves != entry.release.tag:
        state = (
            f"{shown_tag(entry.serves)} runs and is healthy, but not all of its containers do "
            f"({why}): a person is needed"
        )
    elif entry.serves:
        state = f"{shown_tag(entry.serves)} runs and is healthy: a person is needed for the rest"
    elif entry.previous is None:
        state = "there was no earlier release to put back: what the run has made is left as it is"
    else:
        hint = suggest.hint(
            "look at what runs; then fix it and deploy again, or go back:",
            look,
            suggest.deployctl("rollback", entry.service),
        )
        state = (
            f"{shown_tag(entry.previous.tag)} could not be put back either ({why}): "
            "a person is needed"
        )
    return BrokenError(
        "broken",
        f"{entry.action} of {entry.service} {entry.release.tag} on {host} failed: "
        f"{_why(entry, events.limit)}",
        state=state,
        hint=hint,
        details=_shown_logs(events),
        about=_about(entry),
    )


def _interrupted(entry: record.Entry, host: str) -> DeployctlError:
    return BrokenError(
        "interrupted",
        f"{entry.action} of {entry.service} {entry.release.tag} on {host} left no outcome: "
        + record.WHY_NO_OUTCOME,
        state="not settled: what runs is whatever the run had done by then",
        hint=suggest.hint(
            "look at what runs; then deploy again, or roll back:",
            suggest.deployctl("status", entry.service),
        ),
        about=_about(entry),
    )


def _not_recorded(entry: record.Entry, host: str) -> DeployctlError:
    return BrokenError(
        "not-recorded",
        f"{entry.release.tag} runs on {host}, but that could not be written into the history",
        state=f"{entry.release.tag} runs and is healthy; the history does not know it",
        hint="make room on the host's disk and deploy the same tag again",
        about=_about(entry),
    )


def _of_another_run(entry: record.Entry, asked: Asked) -> DeployctlError:
    """Forged or damaged: whatever it says, nobody knows how this run ended."""
    plan = asked.plan
    wanted = (
        f", which was the {plan.action} of {plan.service.name} {plan.release.tag}" if plan else ""
    )
    said = shown(f"{entry.action} of {entry.service} {entry.release.tag}")
    about = {"tag": plan.release.tag, "digest": plan.release.digest} if plan else {}
    return BrokenError(
        "outcome-mismatch",
        f"{asked.host} says that run {asked.run}{wanted}, ended as {shown(entry.event)}, but its "
        f"record is of something else: {said}",
        state="not known: the record of the run is damaged or forged",
        hint=suggest.hint(
            "do not trust this host before you know why; what it says now:",
            suggest.deployctl("status", asked.service),
        ),
        about={"run": asked.run, **about},
    )


def _record_gone(asked: Asked) -> DeployctlError:
    """It was heard to begin: whatever became of its record, something may have been changed."""
    return BrokenError(
        "record-gone",
        f"run {asked.run} on {asked.host} began and left no record: it was killed, "
        "the host went down, or deployctl's own files were removed",
        state="not settled: what runs is whatever the run had done",
        hint=suggest.hint(
            "look at what runs; then deploy again, or roll back:",
            suggest.deployctl("status", asked.service),
        ),
        about={"run": asked.run},
    )


def shown_tag(tag: str) -> str:
    """Return a recorded tag for a message: as it is if it is one of ours, else quoted."""
    return tag if suggest.is_tag(tag) else shown(tag)


def _about(entry: record.Entry) -> dict[str, str]:
    """For programs: nothing but what has the exact form of it."""
    previous = entry.previous.tag if entry.previous else ""
    return {
        "run": entry.run,
        "tag": entry.release.tag if suggest.is_tag(entry.release.tag) else "",
        "digest": entry.release.digest if is_digest(entry.release.digest) else "",
        "previous-tag": previous if suggest.is_tag(previous) else "",
    }


def _why(entry: record.Entry, limit: float | None = None) -> str:
    """Why a run failed; `limit`: seconds that it had to get healthy, if they were too few."""
    if entry.reason == "aborted" and entry.aborted_by:
        return f"{shown_name(entry.aborted_by)} aborted it"
    why = REASONS.get(entry.reason, "for a reason that is not recorded")
    if limit is None:
        return why
    return f"{why.removesuffix(' in time')} within {limit:g} s (health_timeout)"


def _shown_logs(events: RunEvents) -> tuple[str, ...]:
    """The container's own words first: they are what everyone looks for."""
    logs = events.shown
    lines = [*logs.get("container-log", ())]
    if health := [line for line in logs.get("health-log", ()) if line.strip()]:
        lines += ["", "last health checks (exit status, output):", *health]
    if not any(map(str.strip, lines)):
        lines = [*logs.get("run-log", ())]
    return tuple(lines)

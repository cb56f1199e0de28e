"""What a run's events mean for the user: its result, or the error to raise. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployctl.compose import preconditions
from deployctl.compose.gates import held
from deployctl.compose.host.hold import read_hold
from deployctl.compose.host.lock import read_stranger
from deployctl.compose.host.transact import STRANGER, RunEvents
from deployctl.compose.host.wire import free_kib
from deployctl.compose.lock import busy
from deployctl.compose.plan import Plan
from deployctl.compose.preconditions import disk_full, docker_down, env_file_foreign
from deployctl.compose.script_output import ScriptOutput
from deployctl.errors import (
    BrokenError,
    BusyError,
    DeployctlError,
    HostError,
    InterruptedByUserError,
    OutcomeUnknownError,
    RestoredError,
)
from deployctl.inventory import ComposeService, Host
from deployctl.quoting import shown, shown_name
from deployctl.release import record, suggest
from deployctl.release.checklist import Gate
from deployctl.release.reference import is_digest
from deployctl.release.release import Action
from deployctl.release.results import UnfinishedRun

CHANGED_WHILE_WAITING = "changed-while-waiting"
CHANGED_MEANWHILE = "changed-meanwhile"
ENV_FILE = ".env"
"""What transact.sh refuses to begin without being able to replace."""
DISK_FULL = "disk-full"
"""Why else it refuses to begin."""
DOCKER_DOWN = "docker"
"""And what it waits for in vain before it begins."""
KILLED = "killed"
"""Or it was killed before that."""
STATE_CLOSED = "state-closed"
"""Why it cannot say anything of a run."""

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
# Whoever follows a run would only follow it again.
_START_AGAIN = "start the deploy or rollback again"
_RECORDS = {"state-directory": "deployctl's own directory", "history": "the history"}
_CHANGES = {
    "hold": "a hold was set",
    "history": "another run was recorded",
    "containers": "the service's containers were changed",
    "files": "the compose files were changed, or can no longer be resolved",
}


@dataclass(frozen=True)
class Asked:
    """What the client itself knows of a run: what a host says of it must agree.

    Attributes:
        host: its name in the inventory.
        run: the run's id.
        services: those that it can be a run of.
        plan: what was asked for; None: this client did not start it.
        login: whom deployctl logs in as, for a command.
    """

    host: str
    run: str
    services: Sequence[ComposeService] = ()
    plan: Plan | None = None
    login: str = preconditions.ANY_USER

    @classmethod
    def by(cls, plan: Plan, host: Host) -> Asked:
        """Return what is known of a run of one's own."""
        return cls(host.name, plan.run, (plan.service,), plan, preconditions.login(host))

    @property
    def service(self) -> str:
        """The only service that it can be about; empty: there are several."""
        return self.services[0].name if len(self.services) == 1 else ""

    def agrees(self, entry: record.Entry) -> bool:
        """Whether a recorded outcome can be that of the run."""
        plan = self.plan
        if plan is None:
            ours = entry.service in {service.name for service in self.services}
            return ours and entry.action in set(Action) and suggest.is_tag(entry.release.tag)
        said = (entry.service, entry.action, entry.release, entry.previous)
        return said == (plan.service.name, plan.action.value, plan.release, plan.previous)


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
    if events.begun and _looks_never_begun(events):
        raise _record_gone(asked)
    raise never_begun(events, asked)


def changed_nothing(events: RunEvents) -> bool:
    """Whether a run that was to be aborted came to its end before it had changed anything."""
    if events.begun:
        return False
    if events.end in {"outcome", "ended"}:
        return not events.text.strip()
    return events.end in {"cancelled", "refused"} and events.what != STATE_CLOSED


def _looks_never_begun(events: RunEvents) -> bool:
    """Whether the host has lost sight of the run: that says nothing of one that was heard to begin.

    Before its first step, nothing was changed even so.
    """
    if events.end == "refused":
        return events.what == STATE_CLOSED or (events.what == KILLED and bool(events.step))
    return events.end in {"cancelled", "unknown-run"}


def notes_of_success(events: RunEvents) -> tuple[str, ...]:
    """Return what is worth knowing of a run that succeeded."""
    entry = events.entry()
    if entry is None or not entry.reason:
        return ()
    why = _why(entry)
    return (f"it looked like a failure at first ({why}), but it runs and is healthy now",)


def lost(host: str, run: str, *, begun: bool) -> OutcomeUnknownError:
    """Return the error for a run that the client cannot see any longer, nor the host."""
    doing = "had begun" if begun else "may have begun"
    return OutcomeUnknownError(
        "connection-lost",
        f"the connection to {host} is lost and could not be made again; run {run} {doing}",
        state="not known from here: if the host is up, the run ends by itself in a recorded "
        "outcome; if it went down, status says what it left",
        hint=suggest.deployctl("follow", host, run),
        about={"run": run},
    )


def interrupted(host: str, run: str, *, state: str) -> InterruptedByUserError:
    """Return the error for a command that the user stopped during a run.

    Args:
        host: its name.
        run: the run's id.
        state: "untouched" (the run was cancelled), "goes-on", or "unknown".
    """
    states = {
        "untouched": "nothing on the host was changed: the run was cancelled before it began",
        "goes-on": f"run {run} had begun on {host}: as long as the host is up, it goes on there "
        "by itself, and ends in a recorded outcome",
        "unknown": f"run {run} may have begun on {host}: as long as the host is up, it goes on "
        "there by itself then, and ends in a recorded outcome",
    }
    again = "run the command again, if it is still wanted"
    watch_it = suggest.deployctl("follow", host, run)
    return InterruptedByUserError(
        "interrupted",
        f"stopped watching {host}",
        state=states[state],
        hint=again if state == "untouched" else watch_it,
        about={"run": run},
    )


def stopped_aborting(host: str, run: UnfinishedRun | None) -> InterruptedByUserError:
    """Return the error for an abort that the user stopped watching.

    Args:
        host: its name.
        run: that was aborted; None: the host had not said so yet.
    """
    return InterruptedByUserError(
        "interrupted",
        f"stopped watching {host}",
        state="the run is aborted all the same" if run else "whether a run is aborted is not known",
        hint=(run.follow_command(host) if run else "") or suggest.deployctl("status"),
    )


def abort_not_known(host: str, service: str) -> OutcomeUnknownError:
    """Return the error for a connection that broke before the host said that it aborts a run."""
    return OutcomeUnknownError(
        "connection-lost",
        f"the connection to {host} broke before it said whether it aborts the run of {service}",
        state="not known: the run goes on, or goes back",
        hint=suggest.hint(
            "look, and abort it again if it still goes on:", suggest.deployctl("status", service)
        ),
    )


def _recorded_end(events: RunEvents, asked: Asked) -> record.Entry:
    host, entry = asked.host, events.entry()
    if entry is None or entry.run != asked.run:
        raise _record_gone(asked) if events.begun else _nothing_recorded(asked)
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
    if entry.serves:
        state = f"{shown_tag(entry.serves)} runs and is healthy: a person is needed for the rest"
    elif entry.previous is None:
        state = "there was no earlier release to put back: what the run has made is left as it is"
    else:
        hint = suggest.hint(
            "look at what runs; then fix it and deploy again, or go back:",
            look,
            suggest.deployctl("rollback", entry.service),
        )
        why = REASONS.get(events.restore_reason, "it did not get healthy")
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


def _nothing_recorded(asked: Asked) -> HostError:
    """Its start is recorded before anything is changed: without a record, nothing was."""
    return HostError(
        "never-begun",
        f"run {asked.run} on {asked.host} was stopped before it began",
        hint=suggest.hint(
            f"it was killed, or the disk is full. Look, then {_START_AGAIN}:",
            suggest.deployctl("check", asked.service),
        ),
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


def never_begun(events: RunEvents, asked: Asked) -> DeployctlError:
    """Return the error for a run that came to its end before it had begun."""
    host, service, run = asked.host, asked.service, asked.run
    if events.end == "busy" and events.what == STRANGER:
        return _lock_taken(events, host, service)
    if events.end == "busy":
        return busy(host, events.holder(), service)
    if events.end == "changed" and events.what == "hold" and not events.waited:
        return held(read_hold(events.text))
    if events.end == "changed":
        what = _CHANGES.get(events.what, "something")
        look = "check" if events.what == "files" else "status"
        return BusyError(
            CHANGED_WHILE_WAITING if events.waited else CHANGED_MEANWHILE,
            f"{what} on {host} while this command was deciding",
            hint=suggest.hint(
                "look at it, and run the command again:", suggest.deployctl(look, service)
            ),
        )
    if events.end == "refused":
        return _refused(events, asked)
    if events.end == "unknown-run":
        return HostError(
            "unknown-run",
            f"{host} knows no run {run}",
            hint=suggest.deployctl("history", service),
        )
    return HostError(
        "cancelled",
        f"the connection to {host} broke before run {run} began; it was cancelled",
        hint=_START_AGAIN,
    )


def _refused(events: RunEvents, asked: Asked) -> DeployctlError:
    host, service = asked.host, asked.service
    if events.what == ENV_FILE:
        own = [service.env_file for service in asked.services]
        return env_file_foreign(events.lines, host, own, asked.login)
    if events.what == DISK_FULL:
        free = free_kib(ScriptOutput(events.text, 0))
        return disk_full([s.state_directory for s in asked.services], host, free)
    if events.what == KILLED:
        return _nothing_recorded(asked)
    if events.what == DOCKER_DOWN:
        return docker_down(host, "does not answer")
    if events.what == STATE_CLOSED:
        return HostError(
            "state-foreign",
            f"deployctl's own files on {host} are another user's, and this login may not look into "
            f"them: whether there was a run {asked.run} is not known",
            hint=suggest.hint(
                "ask with the login that deploys; this says whose they are:",
                suggest.deployctl("status", service),
            ),
        )
    return HostError(
        "cannot-record",
        f"{_RECORDS.get(events.what, 'the record')} on {host} cannot be written, "
        "and what cannot be recorded is not begun",
        hint=suggest.hint(
            "does it belong to another user, or is it on a read-only disk? This says so:",
            suggest.deployctl("check", service),
        ),
    )


def _lock_taken(events: RunEvents, host: str, service: str) -> BusyError:
    return BusyError(
        "lock-taken",
        f"the lock on {host} is held by no run of deployctl, but by "
        f"{read_stranger(events.text).text}",
        hint=suggest.hint(
            "end it if it has no business there. This says how to look at it:",
            suggest.deployctl("check", service),
        ),
        gate=Gate.BUSY,
    )


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


def shown_tag(tag: str) -> str:
    """Return a recorded tag for a message: as it is if it is one of ours, else quoted."""
    return tag if suggest.is_tag(tag) else shown(tag)


def _shown_logs(events: RunEvents) -> tuple[str, ...]:
    """The container's own words first: they are what everyone looks for."""
    logs = events.shown
    lines = [*logs.get("container-log", ())]
    if health := [line for line in logs.get("health-log", ()) if line.strip()]:
        lines += ["", "last health checks (exit status, output):", *health]
    if not any(map(str.strip, lines)):
        lines = [*logs.get("run-log", ())]
    return tuple(lines)

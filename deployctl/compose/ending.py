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
from deployctl.compose.preconditions import disk_full, env_file_foreign
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
from deployctl.quoting import shown
from deployctl.release import record, suggest
from deployctl.release.checklist import Gate
from deployctl.release.reference import is_digest
from deployctl.release.release import Action

CHANGED_WHILE_WAITING = "changed-while-waiting"
CHANGED_MEANWHILE = "changed-meanwhile"
ENV_FILE = ".env"
"""What transact.sh refuses to begin without being able to replace."""
DISK_FULL = "disk-full"
"""Why else it refuses to begin."""
STATE_CLOSED = "state-closed"
"""Why it cannot say anything of a run."""

REASONS = {
    "tag-failed": "docker could not name the image",
    "dependency-failed": "a dependency could not be started",
    "dependency-unhealthy": "a dependency that was started did not get healthy",
    "up-failed": "docker compose up failed",
    "health-timeout": "it did not get healthy in time",
    "unhealthy": "its health check says unhealthy",
    "exited": "its container exited",
    "crash-loop": "its container crashes again and again",
    "other-image": "its container runs another image than the one that was verified",
    "not-recreated": "its container was not made anew",
    "persist-failed": "the tag could not be kept in the project's .env",
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
    raise _never_begun(events, asked)


def lost(host: str, run: str, *, begun: bool) -> OutcomeUnknownError:
    """Return the error for a run that goes on where the client cannot see it."""
    doing = "goes on there by itself" if begun else "may go on there by itself"
    return OutcomeUnknownError(
        "connection-lost",
        f"the connection to {host} is lost and could not be made again; run {run} {doing}",
        state="not known from here: the run ends by itself in a recorded outcome",
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
        "goes-on": f"run {run} goes on on {host} by itself, and ends in a recorded outcome",
        "unknown": f"run {run} may go on on {host}; it ends by itself in a recorded outcome",
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


def _recorded_end(events: RunEvents, asked: Asked) -> record.Entry:
    host, entry = asked.host, events.entry()
    if entry is None or entry.run != asked.run:
        raise _nothing_recorded(host, asked.service, asked.run)
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
    back = entry.previous.tag if entry.previous else "the previous release"
    return RestoredError(
        "restored",
        f"{entry.action} of {entry.service} {entry.release.tag} on {host} failed: "
        f"{_why(entry, events.limit)}",
        state=f"{shown_tag(back)} is back and healthy",
        hint=suggest.hint(
            "fix what the log shows and deploy a new commit; what runs now:",
            suggest.deployctl("status", entry.service),
        ),
        details=_shown_logs(events),
        about=_about(entry),
    )


def _broken(events: RunEvents, entry: record.Entry, host: str) -> DeployctlError:
    look = suggest.deployctl("status", entry.service)
    if entry.previous is None:
        hint = suggest.hint("look at what runs, then fix it and deploy again:", look)
        state = "the failed release was left as it is: there was no earlier release to put back"
    else:
        hint = suggest.hint(
            "look at what runs; then fix it and deploy again, or roll back:",
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
        f"{entry.action} of {entry.service} {entry.release.tag} on {host} left no outcome: it was "
        "killed, or its line in the history is damaged",
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


def _nothing_recorded(host: str, service: str, run: str) -> DeployctlError:
    """Its start is recorded before anything is changed: without a record, nothing was."""
    return HostError(
        "never-begun",
        f"run {run} on {host} was stopped before it began",
        hint=suggest.hint(
            f"it was killed, or the disk is full. Look, then {_START_AGAIN}:",
            suggest.deployctl("check", service),
        ),
    )


def _never_begun(events: RunEvents, asked: Asked) -> DeployctlError:
    host, service, run = asked.host, asked.service, asked.run
    if events.end == "busy" and events.what == STRANGER:
        return _lock_taken(events, host, service)
    if events.end == "busy":
        return busy(host, events.holder())
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


def _refused(events: RunEvents, asked: Asked) -> HostError:
    host, service = asked.host, asked.service
    if events.what == ENV_FILE:
        own = [service.env_file for service in asked.services]
        return env_file_foreign(events.lines, host, own, asked.login)
    if events.what == DISK_FULL:
        free = free_kib(ScriptOutput(events.text, 0))
        return disk_full([s.state_directory for s in asked.services], host, free)
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

"""A run that came to its end before it had begun: the errors for it, and how it is known."""

from __future__ import annotations

from deployctl.compose.ending.asked import Asked
from deployctl.compose.gates import held
from deployctl.compose.host.hold import read_hold
from deployctl.compose.host.lock import read_stranger
from deployctl.compose.host.transact import STRANGER, RunEvents
from deployctl.compose.host.wire import free_kib
from deployctl.compose.lock import busy
from deployctl.compose.preconditions import disk_full, docker_down, env_file_foreign
from deployctl.compose.script_output import ScriptOutput
from deployctl.errors import BusyError, DeployctlError, HostError
from deployctl.release import suggest
from deployctl.release.checklist import Gate

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
# Whoever follows a run would only follow it again.
_START_AGAIN = "start the deploy or rollback again"
_RECORDS = {"state-directory": "deployctl's own directory", "history": "the history"}
_CHANGES = {
    "hold": "a hold was set",
    "history": "another run was recorded",
    "containers": "the service's containers were changed",
    "files": "the compose files were changed, or can no longer be resolved",
}


def changed_nothing(events: RunEvents) -> bool:
    """Whether a run that was to be aborted came to its end before it had changed anything."""
    if events.begun:
        return False
    if events.end in {"outcome", "ended"}:
        return not events.text.strip()
    return events.end in {"cancelled", "refused"} and events.what != STATE_CLOSED


def looks_never_begun(events: RunEvents) -> bool:
    """Whether the host has lost sight of the run: that says nothing of one that was heard to begin.

    Before its first step, nothing was changed even so.
    """
    if events.end == "refused":
        return events.what == STATE_CLOSED or (events.what == KILLED and bool(events.step))
    return events.end in {"cancelled", "unknown-run"}


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
        return nothing_recorded(asked)
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


def nothing_recorded(asked: Asked) -> HostError:
    """Its start is recorded before anything is changed: without a record, nothing was."""
    return HostError(
        "never-begun",
        f"run {asked.run} on {asked.host} was stopped before it began",
        hint=suggest.hint(
            f"it was killed, or the disk is full. Look, then {_START_AGAIN}:",
            suggest.deployctl("check", asked.service),
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

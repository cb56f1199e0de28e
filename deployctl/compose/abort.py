"""Aborting the run of a service that is under way on one host."""

from __future__ import annotations

from deployctl.compose import ending, preconditions
from deployctl.compose.host.lock import read_holder
from deployctl.compose.host.transact import RunEvents
from deployctl.compose.run import abort_and_watch
from deployctl.errors import DeployctlError, RefusedError
from deployctl.events import Observer, Phase, StepStarted
from deployctl.inventory import ComposeService
from deployctl.release import record, suggest
from deployctl.release.abort import AbortOutcome, AbortResult
from deployctl.release.origin import Origin
from deployctl.release.results import UnfinishedRun
from deployctl.ssh.connection import Connection

NOTHING_TO_ABORT = "nothing-to-abort"
TOO_LATE = "too-late-to-abort"


def abort(
    connection: Connection, service: ComposeService, origin: Origin, observer: Observer
) -> AbortResult:
    """End the run of a service that is under way, and see what serves before put back.

    Args:
        connection: to the host.
        service: whose run.
        origin: who asks.
        observer: hears the steps.

    Raises:
        RefusedError: nothing runs that can be aborted.
        BrokenError: what served before is not back.
        OutcomeUnknownError: the connection was lost for good.
        HostError: the host cannot be reached, trusted or asked.
    """
    observer(StepStarted(connection.host.name, Phase.CONNECT))
    events = abort_and_watch(connection, service, origin, observer)
    asked = ending.Asked(
        connection.host.name,
        events.aborting.run if events.aborting else "",
        (service,),
        login=preconditions.login(connection.host),
    )
    return abort_result(events, asked)


def abort_result(events: RunEvents, asked: ending.Asked) -> AbortResult:
    """Return what an abort came to.

    Args:
        events: of the run that was aborted, or of what refused that.
        asked: what the client knows of it.

    Raises:
        RefusedError: nothing ran that can be aborted.
        DeployctlError: any other end but a good one.
    """
    run = events.aborting
    if run is None:
        raise _not_aborted(events, asked)
    entry = events.entry()
    if entry and entry.run == asked.run and entry.event == record.RESTORED and asked.agrees(entry):
        outcome = AbortOutcome.ABORTED if entry.reason == "aborted" else AbortOutcome.RESTORED
        back = record.tag_put_back(entry)
        return AbortResult(asked.host, asked.service, outcome, run, back, entry.rung)
    if ending.changed_nothing(events):
        return AbortResult(asked.host, asked.service, AbortOutcome.ABORTED, run)
    succeeded = ending.success_entry(events, asked)
    tag = ending.shown_tag(succeeded.release.tag)
    # Where nothing well served before, what got well is not taken away.
    kept = "is aborted, and nothing healthy served before it: what it brought stays"
    why = kept if succeeded.reason == "aborted" else "succeeded before it could be aborted"
    raise RefusedError(
        TOO_LATE,
        f"the {succeeded.action} of {asked.service} {tag} on {asked.host} {why}",
        state=f"{tag} runs and is healthy",
        hint=suggest.hint("to take it back:", suggest.deployctl("rollback", asked.service)),
    )


def _not_aborted(events: RunEvents, asked: ending.Asked) -> DeployctlError:
    match events.end, events.what:
        case "refused", "not-running":
            return RefusedError(
                NOTHING_TO_ABORT,
                f"no run of {asked.service} is under way on {asked.host}",
                hint=suggest.hint("what runs there:", suggest.deployctl("status", asked.service)),
            )
        case "refused", "other-service":
            return _of_another_service(read_holder(events.text), asked)
        case "refused", "no-guardian":
            return _of_an_older_version(read_holder(events.text), asked)
        case _:
            return ending.never_begun(events, asked)


def _of_another_service(holder: UnfinishedRun, asked: ending.Asked) -> RefusedError:
    return RefusedError(
        NOTHING_TO_ABORT,
        f"what is under way on {asked.host} is no run of {asked.service}: {holder.text}",
        hint=suggest.hint("watch it:", holder.follow_command(asked.host)),
    )


def _of_an_older_version(holder: UnfinishedRun, asked: ending.Asked) -> RefusedError:
    return RefusedError(
        "not-abortable",
        f"the run on {asked.host} has no guardian that could put the old release back: "
        f"{holder.text}",
        state="the run goes on: an older deployctl began it, or its guardian was killed",
        hint=suggest.hint(
            "it ends by itself, when its time is over. Watch it:", holder.follow_command(asked.host)
        ),
    )

"""What must hold after any fault, written once.

1. The service serves a release that succeeded before, or the new one, or the outcome says in so
   many words that a person is needed, and never of a release that was left alone. Where the
   machine went down, or the transaction was killed together with its guardian: after the next
   changing command, and until then status says "interrupted".
2. The history is readable, its numbering unbroken, and each run that started has one outcome
   after the next command at the latest.
3. What status says is what docker and HTTP say.
4. The exit status tells the truth about the host.
5. No lock, process, temporary file or half container is left after the next command, which is a
   plain deploy of a good tag and needs nothing cleaned up by hand.
6. The database was left alone.
7. The service was never down unless the new release had been started.
8. No healthy container of the old release was stopped while there was no new one to start.

Promises 7 and 8 are strict but for the time in which a fault itself keeps docker away, and where
people meddle. A gap that overlaps such a time is excused as a whole. Where a fault keeps a new
container from being started, it must have been made. Where one takes the record (`unrecorded`),
what runs must be right all the same.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

from tests.e2e import host
from tests.e2e.client import SERVICE, Ended
from tests.e2e.invariants import assert_sound, settle
from tests.faults.continuity import CHANGING, needless_gaps, needless_stops
from tests.faults.faults import Fault
from tests.faults.points import NEXT
from tests.faults.scene import Scene
from tests.vps.engine import WorldError
from tests.vps.world import INFRA

# Seconds that docker may take for what somebody had asked of it who is gone.
_LATE = 0.5
_NEEDS_A_PERSON = ("a person is needed", "nothing was put back", "the history does not know it")
_LEFTOVERS = f"""
find {host.STATE} -name '*.new' -o -name '*.tmp'
find {INFRA} -name '*.deployctl-*'
find /tmp /dev/shm -user deploy ! -path '/tmp/gate*' -newer /tmp/gate/before 2>/dev/null
find /tmp /dev/shm -user deploy ! -path '/tmp/gate*' -newer /tmp/gate/after 2>/dev/null
docker ps -a --format '{{{{.Names}}}}' | grep '_'
"""


@dataclass(frozen=True)
class Aftermath:
    """A host after a fault.

    Attributes:
        outcome: event that ended the run; "started": none; empty: it never began.
        served: what HTTP answers; None: nothing.
        row: of status.
        good: tags that have succeeded here.
    """

    outcome: str
    served: str | None
    row: Any
    good: frozenset[str]


def assert_definite(scene: Scene, fault: Fault, ended: Ended) -> None:
    """Assert all that must hold, and leave the host with the next release."""
    if not fault.stops_docker:
        assert scene.vps.db_counter() == scene.database_starts
    # Of one that restarts again and again, docker may say so for as long as it pauses, and of one
    # that it started on a full disk for ever: it never asks that one. Then status says so, too.
    with contextlib.suppress(WorldError):
        host.await_(
            scene.vps, "! docker ps -q --filter health=starting --filter status=running | grep -q ."
        )
    settle(scene.vps)
    assert_continuous(scene, fault)
    after = _look(scene)
    _assert_release(scene, fault, ended, after)
    _assert_status_agrees(scene, after)
    _assert_exit_status_is_true(scene, fault, ended, after)
    _assert_next_command_works(scene, fault)


def assert_continuous(scene: Scene, fault: Fault) -> None:
    """Assert that the service was not stopped, and not down, without need. Ends the watch."""
    scene.watch.stop()
    if not fault.meddles:
        assert_never_down_without_need(scene, fault)
        assert_nothing_stopped_without_need(scene, fault)


def assert_never_down_without_need(scene: Scene, fault: Fault) -> None:
    """Assert promise 7 of a watch that was stopped."""
    watched = scene.watch.seen()
    gaps = needless_gaps(watched, once="create" if fault.keeps_from_starting else "start")
    answers = [watched.answers_about(gap.end) for gap in gaps]
    assert not gaps, f"down, and nothing new was started: {gaps} {answers} {watched.told}"


def assert_nothing_stopped_without_need(scene: Scene, fault: Fault) -> None:
    """Assert promise 8 of a watch that was stopped."""
    watched = scene.watch.seen()
    stops = needless_stops(watched, late=_LATE if fault.cuts_off_compose else 0.0)
    assert not stops, f"stopped, and nothing new was there: {stops} {watched.told}"


def _look(scene: Scene) -> Aftermath:
    lines = _readable_lines(scene)
    status = scene.bystander.run("status", SERVICE, "--json")
    assert status.exit_status == 0, status.text
    (row,) = status.json["services"]
    return Aftermath(
        outcome=_outcome(scene, lines),
        served=scene.vps.served(),
        row=row,
        good=frozenset(line["tag"] for line in lines if line["event"] == "succeeded")
        | frozenset(scene.job.past),
    )


def _readable_lines(scene: Scene) -> list[host.Line]:
    """All lines but a torn last one, which a cut of the power may leave."""
    text = scene.vps.run(f"cat {host.HISTORY} 2>/dev/null || true").stdout
    return [json.loads(line) for line in text.split("\n")[:-1] if line]


def _outcome(scene: Scene, lines: list[host.Line]) -> str:
    """Of the job's run. A rollback that looks only after another deploy goes back from that."""
    action = scene.job.command[0]
    ours = [
        line
        for line in lines
        if line["action"] == action and (action == "rollback" or line["tag"] == scene.job.target)
    ]
    return ours[-1]["event"] if ours else ""


def _assert_release(scene: Scene, fault: Fault, ended: Ended, after: Aftermath) -> None:
    if fault.unrecorded:
        assert after.served in {scene.job.before, *([scene.job.target] * scene.job.good)}, after
    elif after.outcome == "started":
        assert fault.kills
        assert after.row["state"] == "interrupted", after.row
    elif after.outcome in {"broken", "interrupted"}:
        told = after.row["state"] != "in sync" or any(w in ended.text for w in _NEEDS_A_PERSON)
        assert told, (ended.text, after.row)
        if after.outcome == "broken" and not (fault.meddles or fault.stops_docker):
            assert scene.watch.seen().events_of_old, f"the old release was left alone: {ended.text}"
    elif fault.meddles:
        assert after.served in {*after.good, None}, after
    elif after.outcome == "succeeded":
        assert after.served == scene.job.target, after
    else:
        assert after.served == scene.job.before, after


def _assert_status_agrees(scene: Scene, after: Aftermath) -> None:
    row, found = after.row, host.containers(scene.vps)
    containers = [each for each in found if not host.is_left_over(each)]
    assert any("left over" in note for note in row["notes"]) == (len(containers) < len(found))
    assert {each["id"] for each in row["containers"]} == {each["Id"] for each in containers}
    if row["running"]:
        assert {each["Image"] for each in containers} == {row["running"]["image_id"]}
    if row["state"] == "in sync":
        assert after.served == row["running"]["tag"] == row["recorded"]["tag"], after
        assert [each["State"]["Health"]["Status"] for each in containers] == ["healthy"]
    if after.served is None:
        assert row["state"] != "in sync", row


def _assert_exit_status_is_true(scene: Scene, fault: Fault, ended: Ended, after: Aftermath) -> None:
    assert "Traceback" not in ended.text
    if fault.unrecorded:
        _assert_no_lie(scene, ended, after)
        return
    outcome = after.outcome
    match ended.exit_status:
        case 0:
            assert outcome == "succeeded", ended.text
        case 6:
            assert outcome == "restored", ended.text
        case 7:
            # A client that heard it begin does not know whether its record came on the disk.
            unknown = {""} if "left no record" in ended.text else set()
            assert outcome in {"broken", "interrupted", "started"} | unknown, ended.text
        case 3 | 4 | 5:
            assert outcome == "", ended.text
        case 8:
            _assert_followed(scene, ended, outcome)
        case 130 if "nothing on the host was changed" in ended.stderr:
            assert outcome == "", ended.text
        case 130:
            _assert_followed(scene, ended, outcome)
        case -9:
            assert fault.name == "sigkill"
        case other:
            raise AssertionError(f"exit status {other}: {ended.text}")


def _assert_no_lie(scene: Scene, ended: Ended, after: Aftermath) -> None:
    """Without a record, what the client says of the host is true, or that it does not know."""
    match ended.exit_status:
        case 0:
            assert after.served == scene.job.target, ended.text
        case 6:
            assert after.served == scene.job.before, ended.text
        case 3 | 4 | 5:
            changed = [each for each in scene.watch.seen().events if each.action in CHANGING]
            assert not changed, (ended.text, changed)
        case 7 | 8:
            pass
        case other:
            raise AssertionError(f"exit status {other}: {ended.text}")


def _assert_followed(scene: Scene, ended: Ended, outcome: str) -> None:
    """A client that does not know says how to learn it, and that tells the truth."""
    followed = scene.bystander.run("follow", "vps", host.run_named_in(ended.stderr))
    truth = {"succeeded": 0, "restored": 6, "broken": 7, "interrupted": 7, "started": 7, "": 4}
    assert followed.exit_status == truth[outcome], (ended.text, followed.text)


def _assert_next_command_works(scene: Scene, fault: Fault) -> None:
    vps = scene.vps
    ended = scene.bystander.run("deploy", SERVICE, NEXT)
    assert ended.exit_status == 0, ended.text
    settle(vps)
    if fault.unrecorded:
        assert vps.served() == NEXT
    else:
        assert assert_sound(vps, scene.bystander, db_starts=vps.db_counter()) == NEXT
    (database,) = host.containers(vps, "db")
    assert database["Id"] == scene.database
    if scene.job.keeps_tag:
        assert vps.read(f"{INFRA}/compose/.env") == f"IMAGE_TAG={NEXT}\n"
    leftovers = vps.run(_LEFTOVERS, check=False).stdout
    assert leftovers == "", leftovers

"""What must hold after any fault, written once.

1. The service serves a release that succeeded before, or the new one, or the outcome says in so
   many words that a person is needed. Where the transaction or the machine was killed: after
   the next changing command, and until then status says "interrupted".
2. The history is readable, its numbering unbroken, and each run that started has one outcome
   after the next command at the latest.
3. What status says is what docker and HTTP say.
4. The exit status tells the truth about the host.
5. No lock, process, temporary file or half container is left after the next command, which is a
   plain deploy of a good tag and needs nothing cleaned up by hand.
6. The database was left alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.e2e import host
from tests.e2e.client import SERVICE, Ended
from tests.e2e.invariants import assert_sound, settle
from tests.faults.faults import Fault
from tests.faults.points import NEXT
from tests.faults.scene import Scene
from tests.vps.world import INFRA

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
        assert scene.vps.db_counter() == 1
    host.await_(scene.vps, "! docker ps -q --filter health=starting | grep -q .")
    settle(scene.vps)
    after = _look(scene)
    _assert_release(scene, fault, ended, after)
    _assert_status_agrees(scene, after)
    _assert_exit_status_is_true(scene, fault, ended, after)
    _assert_next_command_works(scene)


def _look(scene: Scene) -> Aftermath:
    lines = _readable_lines(scene)
    status = scene.bystander.run("status", SERVICE, "--json")
    assert status.exit_status == 0, status.text
    (row,) = status.json["services"]
    return Aftermath(
        outcome=_outcome(scene, lines),
        served=scene.vps.served(),
        row=row,
        good=frozenset(line["tag"] for line in lines if line["event"] == "succeeded"),
    )


def _readable_lines(scene: Scene) -> list[host.Line]:
    """All lines but a torn last one, which a cut of the power may leave."""
    text = scene.vps.run(f"cat {host.HISTORY}").stdout
    return [json.loads(line) for line in text.split("\n")[:-1] if line]


def _outcome(scene: Scene, lines: list[host.Line]) -> str:
    later = lines[2 * len(scene.job.past) :]
    action = scene.job.command[0]
    ours = [e for e in later if (e["tag"], e["action"]) == (scene.job.target, action)]
    return ours[-1]["event"] if ours else ""


def _assert_release(scene: Scene, fault: Fault, ended: Ended, after: Aftermath) -> None:
    if after.outcome == "started":
        assert fault.kills
        assert after.row["state"] == "interrupted", after.row
    elif after.outcome in {"broken", "interrupted"}:
        told = after.row["state"] != "in sync" or any(w in ended.text for w in _NEEDS_A_PERSON)
        assert told, (ended.text, after.row)
    elif fault.meddles:
        assert after.served in {*after.good, None}, after
    elif after.outcome == "succeeded":
        assert after.served == scene.job.target, after
    else:
        assert after.served == scene.job.before, after


def _assert_status_agrees(scene: Scene, after: Aftermath) -> None:
    row, containers = after.row, host.containers(scene.vps)
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
    outcome = after.outcome
    match ended.exit_status:
        case 0:
            assert outcome == "succeeded", ended.text
        case 6:
            assert outcome == "restored", ended.text
        case 7:
            assert outcome in {"broken", "interrupted", "started"}, ended.text
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


def _assert_followed(scene: Scene, ended: Ended, outcome: str) -> None:
    """A client that does not know says how to learn it, and that tells the truth."""
    followed = scene.bystander.run("follow", "vps", host.run_named_in(ended.stderr))
    truth = {"succeeded": 0, "restored": 6, "broken": 7, "interrupted": 7, "started": 7, "": 4}
    assert followed.exit_status == truth[outcome], (ended.text, followed.text)


def _assert_next_command_works(scene: Scene) -> None:
    vps = scene.vps
    ended = scene.bystander.run("deploy", SERVICE, NEXT)
    assert ended.exit_status == 0, ended.text
    settle(vps)
    assert assert_sound(vps, scene.bystander, db_starts=vps.db_counter()) == NEXT
    (database,) = host.containers(vps, "db")
    assert database["Id"] == scene.database
    if scene.job.keeps_tag:
        assert vps.read(f"{INFRA}/compose/.env") == f"IMAGE_TAG={NEXT}\n"
    leftovers = vps.run(_LEFTOVERS, check=False).stdout
    assert leftovers == "", leftovers

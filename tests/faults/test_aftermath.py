"""The checker notices a transaction that breaks a promise: one is broken on purpose, each time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.client import Client, Ended
from tests.e2e.invariants import settle
from tests.faults.aftermath import (
    assert_definite,
    assert_never_down_without_need,
    assert_nothing_stopped_without_need,
)
from tests.faults.continuity import Span
from tests.faults.faults import Fault
from tests.faults.points import POINTS, RESTORE, Point
from tests.faults.scene import Scene, staged
from tests.vps.world import Vps

BEFORE_UP = next(point for point in POINTS if str(point) == "deploy-before-tag")
BEFORE_BACK = next(p for p in POINTS if (p.job, p.phase, p.name) == (RESTORE, "before", "back"))
_OLD = "compose-enforcer-backend-1"
NO_FAULT = Fault("none")

_SABOTAGE = """\
from deployctl.compose.host import script
from deployctl.__main__ import main

good = script.script_text

def bad(name):
    text = good(name)
    if name == "transact.sh":
        assert {old!r} in text
        text = text.replace({old!r}, {new!r})
    return text

script.script_text = bad
main()
"""


def _saboteur(old: str, new: str) -> type[Client]:
    """Return the kind of client that sends a changed transaction."""

    class Saboteur(Client):
        def _argv(self, arguments: Sequence[str]) -> list[str]:
            return [sys.executable, "-c", _SABOTAGE.format(old=old, new=new), *arguments]

    return Saboteur


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("point", "old", "new"),
    [
        (BEFORE_BACK, "    settle restored\n", "    settle succeeded\n"),
        (BEFORE_BACK, "    settle restored\n", "    :\n"),
        (BEFORE_UP, "    settle succeeded\n", "    settle restored\n"),
        (BEFORE_UP, "    settle succeeded\n", '    settle succeeded; true >"$state/half.new"\n'),
        (BEFORE_UP, "append() {\n", "append() {\n    seq=$((seq + 1))\n"),
        (
            BEFORE_UP,
            '        set -- "$@" up -d\n',
            '        docker restart -t 0 compose-db-1; set -- "$@" up -d\n',
        ),
    ],
    ids=["lies", "silent", "denies", "leaves a file", "skips a number", "restarts the database"],
)
def test_a_broken_promise_is_noticed(
    vps: Vps, tmp_path: Path, point: Point, old: str, new: str
) -> None:
    with staged(vps, point, tmp_path, kind=_saboteur(old, new)) as scene:
        scene.gate.open()
        ended = scene.ended()
        with pytest.raises(AssertionError):
            assert_definite(scene, NO_FAULT, ended)


def _watched(vps: Vps, directory: Path, before_up: str) -> tuple[Scene, Ended]:
    """A deploy that does more than it should before it makes the service anew."""
    kind = _saboteur("compose_up() {\n", f"compose_up() {{\n    {before_up}\n")
    with staged(vps, BEFORE_UP, directory, kind=kind) as scene:
        scene.gate.open()
        ended = scene.ended()
        settle(vps)
        return scene, ended


@pytest.mark.thorough
def test_a_service_that_is_down_before_there_is_a_new_one_is_noticed(
    vps: Vps, tmp_path: Path
) -> None:
    scene, ended = _watched(
        vps, tmp_path, f"docker pause {_OLD}; sleep 4; docker unpause {_OLD}; sleep 1"
    )

    assert ended.exit_status == 0, ended.text
    assert scene.watch.seen().longest_gap > 2
    with pytest.raises(AssertionError, match="nothing new was started"):
        assert_never_down_without_need(scene, NO_FAULT)


@pytest.mark.thorough
def test_a_stop_before_there_is_a_new_container_is_noticed(vps: Vps, tmp_path: Path) -> None:
    scene, ended = _watched(vps, tmp_path, f"docker stop {_OLD}")

    assert ended.exit_status == 0, ended.text
    assert_never_down_without_need(scene, NO_FAULT)
    with pytest.raises(AssertionError, match="nothing new was there"):
        assert_nothing_stopped_without_need(scene, NO_FAULT)


@pytest.mark.thorough
def test_a_deploy_without_a_fault_is_down_only_while_the_new_release_starts(
    vps: Vps, tmp_path: Path
) -> None:
    with staged(vps, BEFORE_UP, tmp_path) as scene:
        scene.gate.open()
        ended = scene.ended()
        assert_definite(scene, NO_FAULT, ended)

    watched = scene.watch.seen()
    assert {answer.tag for answer in watched.answers} >= {scene.job.before, scene.job.target}
    (started,) = (e.at for e in watched.events if (e.action, e.tag) == ("start", scene.job.target))
    recreate = Span(watched.events_of_old[0].at, started)
    assert len([gap for gap in watched.gaps if gap.meets(recreate)]) == 1

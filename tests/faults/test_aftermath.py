"""The checker notices a transaction that breaks a promise: one is broken on purpose, each time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.faults.aftermath import assert_definite
from tests.faults.faults import Fault
from tests.faults.points import POINTS, RESTORE, Point
from tests.faults.scene import staged
from tests.vps.world import Vps

BEFORE_UP = next(point for point in POINTS if str(point) == "deploy-before-tag")
BEFORE_STOP = next(p for p in POINTS if (p.job, p.phase, p.name) == (RESTORE, "before", "stop"))
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
        (BEFORE_STOP, "            settle restored\n", "            settle succeeded\n"),
        (BEFORE_STOP, "            settle restored\n", "            :\n"),
        (BEFORE_UP, "        settle succeeded\n", "        settle restored\n"),
        (BEFORE_UP, 'mv "$run_directory/outcome.new"', 'cp "$run_directory/outcome.new"'),
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

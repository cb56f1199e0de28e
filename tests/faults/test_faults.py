"""A deploy, a put-back and a rollback, with every fault at every step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.aftermath import assert_definite
from tests.faults.faults import FAULTS, Fault
from tests.faults.points import POINTS, Point
from tests.faults.scene import staged
from tests.faults.selection import CASES, TELLING, part_of, select
from tests.thorough import thorough
from tests.vps.world import Vps

SEED = 0
IN_SHORT = {"sigkill", "transaction killed", "docker restarted", "disk full"}
"""Faults with which `make test` strikes; `make test-all` strikes with the others, too.

That docker is away, or the state directory is removed, `tests/e2e/test_least_needed.py` shows.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault" in metafunc.fixturenames:
        chosen = select(metafunc.config.getoption("--faults"), seed=SEED)
        cases = [
            (point, fault) if str(fault) in IN_SHORT else thorough(point, fault)
            for point, fault in part_of(chosen, metafunc.config.getoption("--part"))
        ]
        metafunc.parametrize(("point", "fault"), cases, ids=str)


def test_a_run_ends_in_a_definite_recorded_outcome(
    vps: Vps,
    tmp_path: Path,
    point: Point,
    fault: Fault,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("point", str(point))
    record_property("fault", str(fault))
    with staged(vps, point, tmp_path, prepare=fault.prepare) as scene:
        try:
            fault.strike(scene)
            scene.gate.open()
            fault.meanwhile(scene)
            ended = scene.ended()
        finally:
            fault.mend(scene)
        assert_definite(scene, fault, ended)
    record_property("longest_gap", round(scene.watch.seen().longest_gap, 3))


def test_the_parts_are_the_whole() -> None:
    parts = [part_of(CASES, f"{number}/7") for number in range(1, 8)]

    assert sorted(map(str, CASES)) == sorted(str(case) for part in parts for case in part)


def test_the_samples_have_what_they_are_called_for() -> None:
    few, more = (select(wanted, seed=SEED) for wanted in ("each-fault", "each-step"))

    assert sorted(str(fault) for _, fault in few) == sorted(map(str, FAULTS))
    assert set(map(str, FAULTS)) >= IN_SHORT
    assert {fault for _, fault in more} == set(FAULTS)
    assert {point for point, _ in more} == set(POINTS)
    assert set(few) <= set(more) < set(select("all", seed=SEED))
    assert {(str(point), str(fault)) for point, fault in few} >= set(TELLING)

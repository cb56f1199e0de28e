"""Which of all combinations are run."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.faults.faults import FAULTS, Fault
from tests.faults.points import POINTS, Point

Case = tuple[Point, Fault]

CASES: tuple[Case, ...] = tuple(
    (point, fault) for point in POINTS for fault in FAULTS if fault.at(point)
)
"""All of them."""

TELLING = (("deploy-before-up", "docker away"), ("restore-before-logs", "state directory removed"))
"""Where these faults strike first, as elsewhere they do little."""


def part_of(cases: Sequence[Case], part: str) -> list[Case]:
    """Return one part of the cases, "2/8" being the second of eight."""
    number, parts = map(int, part.split("/"))
    assert 1 <= number <= parts, part
    return list(cases[number - 1 :: parts])


def select(wanted: str, *, seed: int) -> list[Case]:
    """Return the cases to run.

    Args:
        wanted: "each-fault": few, in which each fault strikes once; "each-step": also each step
            is struck once; "all".
        seed: of the choice.
    """
    shuffled = list(CASES)
    if wanted == "all":
        return shuffled
    Random(seed).shuffle(shuffled)  # noqa: S311 - nothing secret
    chosen = [case for case in shuffled if tuple(map(str, case)) in TELLING]
    chosen += _new_ones(shuffled, chosen=chosen, at_least=2)
    chosen += _new_ones(shuffled, chosen=chosen, at_least=1)
    if wanted == "each-step":
        return chosen
    strikes: dict[Fault, Case] = {}
    for point, fault in chosen:
        strikes.setdefault(fault, (point, fault))
    return list(strikes.values())


def _new_ones(cases: Sequence[Case], *, chosen: Sequence[Case], at_least: int) -> list[Case]:
    """Choose those that are new in one or two respects: their point, their fault."""
    points: set[Point] = {point for point, _ in chosen}
    faults: set[Fault] = {fault for _, fault in chosen}
    found = []
    for point, fault in cases:
        if (point not in points) + (fault not in faults) >= at_least:
            points.add(point)
            faults.add(fault)
            found.append((point, fault))
    return found

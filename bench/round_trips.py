"""How many round trips a command waits for: its time over a slow line and over a fast one.

The line is the delaying proxy of the test world. The TCP handshake is not in the numbers, for
no contender: the proxy accepts at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bench.contenders import Contender, Deployctl, HandTyped
from bench.measure import Results, Say, Scenario, measure
from bench.scenarios import DEPLOY, NO_OP, STATUS, changes, status
from bench.stage import Stage
from bench.workstation import Place, Workstation
from tests.vps.proxy import DelayingProxy
from tests.vps.world import Vps

ROUND_TRIP = 0.150
"""Seconds that the proxy adds to each round trip: half of it each way."""
FAST, SLOW = " (fast)", " (slow)"
NAMES = (NO_OP, STATUS, DEPLOY)


@contextmanager
def lines(vps: Vps) -> Iterator[tuple[Place, Place]]:
    """Open a fast and a slow line to a VPS; both go through a proxy."""
    address = (vps.ip, 22)
    with (
        DelayingProxy(*address) as fast,
        DelayingProxy(*address, delay_ms=1000 * ROUND_TRIP / 2) as slow,
    ):
        yield Place(fast.host, fast.port), Place(slow.host, slow.port)


def measure_round_trips(
    workstation: Workstation,
    stage: Stage,
    rounds: int,
    ssh_options: Sequence[str],
    say: Say,
) -> Results:
    """Measure over both lines, in turns."""
    with lines(workstation.vps) as (fast, slow):
        both = [
            _scenarios(workstation, place, stage, ssh_options, suffix)
            for place, suffix in ((fast, FAST), (slow, SLOW))
        ]
        together = [scenario for pair in zip(*both, strict=True) for scenario in pair]
        return measure(together, rounds, stage, workstation, say)


def _scenarios(
    workstation: Workstation,
    place: Place,
    stage: Stage,
    ssh_options: Sequence[str],
    suffix: str,
) -> list[Scenario]:
    contenders: list[Contender] = [
        HandTyped(workstation, place, ssh_options),
        Deployctl(workstation, place),
    ]
    scenarios = [*changes(contenders, stage), status(contenders, [place], stage)]
    return [replace(s, name=s.name + suffix) for s in scenarios if s.name in NAMES]

"""The results as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence

from bench.contenders import Deployctl, FabricScript, HandTyped, HandTypedParallel
from bench.measure import Results, Sample
from bench.round_trips import FAST, NAMES, ROUND_TRIP, SLOW


def machine(rounds: int, ssh_version: str, docker_version: str, date: str) -> str:
    """Say when and on what it was measured."""
    return (
        f"{date}, {os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, {ssh_version}, Docker {docker_version} on the "
        f"VPS, {rounds} rounds; median (least to most)."
    )


def times(results: Results) -> str:
    """Return the table of the times and their ratios to the hand-typed session."""
    head = ("", HandTyped.name, Deployctl.name, "ratio", FabricScript.name, "ratio")
    rows = []
    notes = []
    for scenario, samples in results.items():
        typed = samples[HandTyped.name]
        ours, fabric = samples[Deployctl.name], samples[FabricScript.name]
        rows.append((scenario, typed, ours, _ratio(ours, typed), fabric, _ratio(fabric, typed)))
        if parallel := samples.get(HandTypedParallel.name):
            notes.append(
                f"\nFor information, {scenario} with {HandTypedParallel.name}: {parallel}, "
                f"ratio {_ratio(parallel, typed)}.\n"
            )
    return _table(head, rows) + "".join(notes)


def round_trips(results: Results) -> str:
    """Return the table of the effective round trips."""
    head = ("", HandTyped.name, Deployctl.name)
    rows = [
        (
            name,
            *(
                f"{_trips(results[name + FAST][who], results[name + SLOW][who]):.1f}"
                for who in (HandTyped.name, Deployctl.name)
            ),
        )
        for name in NAMES
        if name + FAST in results
    ]
    return _table(head, rows)


def _trips(fast: Sample, slow: Sample) -> float:
    # The least, not the median: the delay is the same each time, and whatever else takes time
    # on this machine can only add to it.
    return (slow.least - fast.least) / ROUND_TRIP


def _ratio(sample: Sample, to: Sample) -> str:
    return f"**{sample.median / to.median:.2f}**"


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)

"""The results as Markdown."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.contenders import Deployctl, FabricScript, HandTyped
from bench.measure import Results, Sample
from bench.round_trips import FAST, NAMES, ROUND_TRIP, SLOW

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
"""What `--update` replaces is between them."""


def processor() -> str:
    """Return the processor's name; the architecture where Linux does not tell it."""
    try:
        found = re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def put_into(page: str, text: str) -> str:
    """Return a Markdown page with the text between its two marks, instead of what was there.

    Raises:
        ValueError: the page has not got both marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"no {BEGIN} and {END}, one after the other")
    return f"{before}{begin}\n\n{text}\n{end}{after}"


def times(results: Results) -> str:
    """Return the table of the times and their ratios to the hand-typed session."""
    head = ("", HandTyped.name, Deployctl.name, "ratio", FabricScript.name, "ratio")
    rows = []
    for scenario, samples in results.items():
        typed = samples[HandTyped.name]
        ours, fabric = samples[Deployctl.name], samples[FabricScript.name]
        rows.append((scenario, typed, ours, _ratio(ours, typed), fabric, _ratio(fabric, typed)))
    return _table(head, rows)


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

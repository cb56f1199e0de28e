"""Scenarios, rounds and medians."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.contenders import Contender
from bench.stage import Stage, WrongStateError
from bench.workstation import Workstation

Say = Callable[[str], None]


@dataclass(frozen=True)
class Scenario:
    """One thing to do, by several contenders.

    Attributes:
        name: in the table.
        commands: what each does, by its name.
        prepare: makes the VPS ready for a contender, by its name; not timed.
        check: raises unless the command did its work; gets what it printed; not timed.
        changes: prepare for each measurement; otherwise once a round is enough.
    """

    name: str
    commands: Mapping[str, Sequence[str]]
    prepare: Callable[[str], None]
    check: Callable[[str], None]
    changes: bool = True


@dataclass
class Sample:
    """The times of one contender in one scenario, in seconds."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.seconds)

    @property
    def least(self) -> float:
        """The shortest."""
        return min(self.seconds)

    def __str__(self) -> str:
        return f"{self.median:.2f} s ({self.least:.2f} to {max(self.seconds):.2f})"


Results = dict[str, dict[str, Sample]]
"""By scenario, then by contender."""


def measure(
    scenarios: Sequence[Scenario],
    rounds: int,
    stage: Stage,
    workstation: Workstation,
    say: Say,
) -> Results:
    """Run every scenario once a round; the contenders take turns, each round another first."""
    results: Results = {s.name: {name: Sample() for name in s.commands} for s in scenarios}
    for number in range(rounds):
        for scenario in scenarios:
            times = _round(scenario, number, stage, workstation)
            for name, seconds in times:
                results[scenario.name][name].seconds.append(seconds)
            shown = ", ".join(f"{name} {seconds:.2f}" for name, seconds in times)
            say(f"round {number + 1} of {rounds}: {scenario.name}: {shown}")
    return results


def _round(
    scenario: Scenario, number: int, stage: Stage, workstation: Workstation
) -> list[tuple[str, float]]:
    times = []
    for position, name in enumerate(_rotated(list(scenario.commands), number)):
        if scenario.changes or position == 0:
            scenario.prepare(name)
        stage.settle()
        seconds, answer = workstation.time(scenario.commands[name])
        times.append((name, seconds))
        try:
            scenario.check(answer)
        except WrongStateError as error:
            raise WrongStateError(f"{scenario.name}, {name}: {error}") from error
    return times


def _rotated(names: list[str], number: int) -> Iterator[str]:
    first = number % len(names)
    yield from names[first:]
    yield from names[:first]


def commands(
    contenders: Sequence[Contender], command: Callable[[Contender], Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Return what each contender does, by its name."""
    return {contender.name: command(contender) for contender in contenders}

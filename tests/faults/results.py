"""What the faults came to: a line for each case that was run, and what the lines add up to.

    python -m tests.faults.results    # of the newest deployctl, as docs/reliability.md shows it

A line has the commit that was tested, with a "+" where files had been changed since, git's name
for the files of deployctl/, and the longest time in which the service did not answer, in seconds.
Commits with the same files in deployctl/ count together: the whole takes hours, in which tests and
docs may go on.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.faults.faults import STRUCK, Fault
from tests.faults.selection import CASES

FILE: Final = Path(__file__).with_suffix(".jsonl")
"""Where `make test-faults-all` keeps the lines."""


@dataclass(frozen=True)
class Result:
    """How one case ended."""

    commit: str
    product: str
    date: str
    point: str
    fault: str
    passed: bool
    longest_gap: float | None
    """None: it was not seen."""


class Recorder:
    """Writes down each case as soon as it has ended, whichever process of pytest ran it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._commit, self._product = _tested()
        file.parent.mkdir(parents=True, exist_ok=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a line."""
        said = dict(report.user_properties)
        if report.when != "call" or "fault" not in said:
            return
        result = Result(
            commit=self._commit,
            product=self._product,
            date=datetime.now(UTC).strftime("%Y-%m-%d"),
            point=str(said["point"]),
            fault=str(said["fault"]),
            passed=report.passed,
            longest_gap=said.get("longest_gap"),  # type: ignore[arg-type]  # as it was recorded
        )
        with self._file.open("a") as file:
            file.write(f"{json.dumps(asdict(result))}\n")


def _tested() -> tuple[str, str]:
    """Return the commit, and git's name for deployctl/ in it."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", f":!{FILE.name}")
    mark = "+" if changed else ""
    names = (_git("rev-parse", "--short=12", name) for name in ("HEAD", "HEAD:deployctl"))
    commit, product = (name + mark for name in names)
    return commit, product


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=FILE.parent, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def newest(lines: Iterable[str]) -> list[Result]:
    """Return the results of what was tested last; of a case, the last one counts."""
    results = [Result(**json.loads(line)) for line in lines]
    tested = [result for result in results if result.product == results[-1].product]
    return list({(result.point, result.fault): result for result in tested}.values())


def table(results: list[Result]) -> Iterator[str]:
    """Yield the lines of a table in Markdown, and a sentence about the whole."""
    yield "| what is struck | cases | ended as promised | longest gap | where docker was stopped |"
    yield "|---|---|---|---|---|"
    for struck, faults in STRUCK.items():
        yield _row(struck, [each for each in results if each.fault in map(str, faults)])
    yield _row("all", results)
    dates = sorted({each.date for each in results})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    yield ""
    yield (
        f"{len(results)} of {len(CASES)} cases, {when},"
        f" with deployctl/ as `git rev-parse COMMIT:deployctl` names it: {results[-1].product}."
    )


def _row(name: str, results: list[Result]) -> str:
    stopping = {str(fault) for fault in _faults() if fault.stops_docker}
    passed = sum(each.passed for each in results)
    gaps = (
        _longest(each for each in results if (each.fault in stopping) == stops)
        for stops in (False, True)
    )
    return f"| {name} | {len(results)} | {passed} | {' | '.join(gaps)} |"


def _faults() -> Iterator[Fault]:
    for faults in STRUCK.values():
        yield from faults


def _longest(results: Iterable[Result]) -> str:
    gaps = [each.longest_gap for each in results if each.longest_gap is not None]
    return f"{max(gaps):.1f} s" if gaps else "-"


if __name__ == "__main__":
    print("\n".join(table(newest(FILE.read_text().splitlines()))))

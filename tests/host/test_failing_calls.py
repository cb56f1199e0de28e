"""Whatever fails, hangs or is killed, at whichever call: a run ends in a recorded outcome.

Each test runs one deploy again and again, with one fault at the first call of the transaction,
at the second, and so on through all of them: of docker, and of the dd and mv that write the
record. One checker, written once, looks at the host after each.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployctl.compose.plan import Plan
from deployctl.errors import (
    EXIT_BROKEN,
    EXIT_BUSY,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_RESTORED,
    EXIT_UNREACHABLE,
    DeployctlError,
)
from deployctl.release.results import State
from tests.host.fake_host import DB, FakeHost
from tests.thorough import thorough

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

pytestmark = pytest.mark.slow

UNTOUCHED = {EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_BUSY}
OUTCOMES = {"succeeded", "restored", "broken", "interrupted"}
EXIT_OF = {"succeeded": EXIT_OK, "restored": EXIT_RESTORED, "broken": EXIT_BROKEN}
WORKERS = 16  # they wait most of the time: with 4 it takes three times as long


@dataclass(frozen=True)
class Scenario:
    """A deploy of release 3 where release 2 runs.

    Attributes:
        behaviour: of the containers of release 3.
        ends: how it ends where nothing goes wrong.
    """

    behaviour: str
    ends: str


GOOD = "a good release"
BAD = "a release that must be put back"  # it does all that a good one does, but for the success
SCENARIOS = {GOOD: Scenario("healthy", "succeeded"), BAD: Scenario("unhealthy", "restored")}


@dataclass(frozen=True)
class Run:
    """What one deploy with a fault left behind.

    Attributes:
        host: it.
        exit_status: of the client.
        run: its id.
        words: of the client's error.
        was_over: the run had written its outcome when the fault struck.
    """

    host: FakeHost
    exit_status: int
    run: str
    words: str
    was_over: bool = False


Check = Callable[[Run], None]


@pytest.fixture
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return SCENARIOS[request.param]


# ---------------------------------------------------------------- the checker


def ends_well(run: Run) -> None:
    """Nothing was done, or the new release runs, or the old one is back."""
    assert run.exit_status in {EXIT_OK, EXIT_RESTORED, *UNTOUCHED}
    ends_in_truth(run)


def ends_in_truth(run: Run) -> None:
    """The exit status, the record and what docker runs tell the same, and nothing is left over."""
    host = run.host
    host.mend()
    is_recorded_once(host)
    events = events_of(host)
    if run.exit_status in UNTOUCHED:
        assert events == []
    else:
        assert [EXIT_OF[e] for e in events if e in EXIT_OF] == [run.exit_status]
        assert events == ["started", *events[1:]]
    serves_what_is_said(host, run)
    leaves_nothing_over(host)
    follow_tells_the_same(host, run)


def is_interrupted_or_ended(run: Run) -> None:
    """A killed run has no outcome, or the one it had before it was killed."""
    host = run.host
    host.mend()
    wait_for_lock(host)
    events = events_of(host)
    if events == ["started"]:
        assert run.exit_status == EXIT_BROKEN
        is_recorded_once(host, unfinished=1)
        assert host.status() is State.INTERRUPTED
    else:
        is_recorded_once(host)
        if events:
            serves_what_is_said(host, run)
            assert EXIT_OF[events[-1]] == run.exit_status
        else:
            assert run.exit_status in {*UNTOUCHED, EXIT_BROKEN}
            assert host.serves() == 2
    follow_tells_the_same(host, run)
    takes_the_next_deploy(host)
    if events == ["started"]:
        assert events_of(host) == ["started", "interrupted"]


def is_recorded_once(host: FakeHost, *, unfinished: int = 0) -> None:
    """The numbering is unbroken, and each run that started has one outcome."""
    lines = host.lines()
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    outcomes = Counter(line["run"] for line in lines if line["event"] in OUTCOMES)
    started = [line["run"] for line in lines if line["event"] == "started"]
    assert set(outcomes) <= set(started)
    assert all(count == 1 for count in outcomes.values())
    assert len(set(started) - set(outcomes)) == unfinished


def events_of(host: FakeHost) -> list[str]:
    """What the history says of the deploy with the fault."""
    return [line["event"] for line in host.lines() if line["tag"].endswith("3")]


def serves_what_is_said(host: FakeHost, run: Run) -> None:
    """The service runs the release of the outcome, and its tag points to it."""
    if run.exit_status == EXIT_BROKEN:
        return
    expected = 3 if run.exit_status == EXIT_OK else 2
    assert host.serves() == expected
    assert host.tagged(expected) == expected
    assert [c["name"] for c in host.containers()] == ["infra-web-1"]


def leaves_nothing_over(host: FakeHost) -> None:
    """No lock; and the database was not touched."""
    wait_for_lock(host)
    assert [c["started"] for c in host.containers(DB)] == ["2026-01-01T00:00:01Z"]


def follow_tells_the_same(host: FakeHost, run: Run) -> None:
    """A follow afterwards gives the exit status that the client gave.

    Where it began to be recorded, and the power was cut, the client only knows that it had begun.
    """
    try:
        host.follow(run.run)
        followed = EXIT_OK
    except DeployctlError as error:
        followed = error.exit_status
    if run.exit_status in UNTOUCHED or not events_of(host):
        assert followed in UNTOUCHED
    else:
        assert followed == run.exit_status


def takes_the_next_deploy(host: FakeHost) -> None:
    """A plain deploy of a good release works, with nothing cleaned up by hand."""
    host.run(host.plan(4))
    assert host.serves() == 4
    is_recorded_once(host)
    leaves_nothing_over(host)


# ---------------------------------------------------------------- the faults

FAULTS: dict[str, Check] = {
    "fail": ends_well,
    "fail-after": ends_well,  # it does its work first
    "hang": ends_well,
    "kill-shell": ends_well,  # its guardian goes on
    "kill-all": ends_well,
    "power-cut": is_interrupted_or_ended,
    "docker-dead": ends_in_truth,  # and stays dead
}
TO_A_SUCCESS = ("fail", "kill-all")
"""What `make test` does to a run that would succeed, too; it does all to one that is put back."""


def cases(kinds: Iterable[str], in_short: Iterable[tuple[str, str]]) -> Iterator[ParameterSet]:
    """Each kind of fault, scenario by scenario, under dash; those of `in_short` by `make test`."""
    short = set(in_short)
    for kind in kinds:
        for scenario in SCENARIOS:
            make = pytest.param if (kind, scenario) in short else thorough
            yield make(kind, "dash", scenario)


@pytest.mark.parametrize(
    ("fault", "flavour", "scenario"),
    [
        *cases(FAULTS, [*((f, BAD) for f in FAULTS), *((f, GOOD) for f in TO_A_SUCCESS)]),
        # What a shell could take differently.
        thorough("fail", "ash", BAD),
        thorough("kill-shell", "ash", BAD),
    ],
    indirect=["flavour", "scenario"],
)
def test_a_fault_at_any_call_ends_in_a_recorded_outcome(
    host: FakeHost, scenario: Scenario, fault: str, for_hosts: Path
) -> None:
    host.hurry = 2.0 if fault == "hang" else None
    for_every_call(host, scenario, fault, FAULTS[fault], for_hosts)


# ---------------------------------------------------------------- files that go

LOST = (
    *("", "lock", "history.jsonl", "releases", "runs", "runs/*"),
    *("runs/*/events", "runs/*/log", "runs/*/release.yml"),
)
"""What somebody removes below the state directory; the first: all of it."""
TELLING_LOSSES = (
    *(("", GOOD), ("", BAD)),  # every file is made anew, or done without
    ("history.jsonl", BAD),  # how far the run was, the guardian must find out without it
    ("runs/*", BAD),  # whoever follows knows the run by its lock only
    ("runs/*/events", GOOD),  # whoever follows reads a file that is gone
)
BLOCKED = ("history.jsonl", "runs", "runs/*", "runs/*/events", "runs/*/outcome")
TELLING_BLOCKS = (
    ("history.jsonl", GOOD),  # a success that cannot be recorded is not taken back
    ("runs/*", BAD),
    ("runs/*/outcome", GOOD),  # nor is one whose end nobody can be told
)


@pytest.mark.parametrize(
    ("lost", "flavour", "scenario"),
    [
        *cases(LOST, TELLING_LOSSES),
        *(thorough(lost, shell, BAD) for lost in LOST for shell in ("ash", "busybox")),
    ],
    indirect=["flavour", "scenario"],
)
def test_files_that_disappear_at_any_call_decide_nothing(
    host: FakeHost, scenario: Scenario, lost: str, for_hosts: Path
) -> None:
    for_every_call(host, scenario, f"lose:{lost}", ends_as_it_would, for_hosts)


@pytest.mark.parametrize(
    ("blocked", "flavour", "scenario"),
    [
        *cases(BLOCKED, TELLING_BLOCKS),
        *(thorough(blocked, "busybox", BAD) for blocked in BLOCKED),
    ],
    indirect=["flavour", "scenario"],
)
def test_files_that_cannot_be_written_from_any_call_on_decide_nothing(
    host: FakeHost, scenario: Scenario, blocked: str, for_hosts: Path
) -> None:
    for_every_call(host, scenario, f"block:{blocked}", decides_the_same, for_hosts)


def ends_as_it_would(run: Run) -> None:
    """The client learns what became of the service, and the record says it, too."""
    decides_the_same(run)
    recorded = run.host.lines()
    if run.was_over and not recorded and not (run.host.state / "runs").exists():
        return  # All of it went, maybe before the client could read how the run ended.
    assert run.exit_status != EXIT_BROKEN
    if recorded and run.exit_status not in UNTOUCHED:
        assert EXIT_OF[recorded[-1]["event"]] == run.exit_status


def decides_the_same(run: Run) -> None:
    """What serves is good, and nobody is told that nothing was changed while something was."""
    host = run.host
    wait_for_lock(host)
    events = "".join(host.calls("transact"))
    assert host.serves() in {2, 3}
    if run.exit_status in UNTOUCHED:
        assert " up " not in events


# ---------------------------------------------------------------- the loop


def for_every_call(
    host: FakeHost, scenario: Scenario, kind: str, check: Check, directory: Path
) -> None:
    """Run the deploy once for each call that it makes, with the fault at that call."""
    host.push(3, scenario.behaviour)
    host.fetch(3)
    host.fetch(4)
    plan = host.plan(3)
    calls = calls_of(host.copy(directory / "whole"), scenario, plan)

    def attempt(number: int) -> str | None:
        twin = host.copy(directory / str(number))
        last = 9999 if kind == "docker-dead" else number
        twin.break_at("transact", number, kind, last=last)
        # Nobody waits five minutes for a docker that stays dead.
        run = deploy(twin, replace(plan, up_limit=2.0) if kind == "docker-dead" else plan)
        # The last file that a run renames is its outcome.
        run = replace(run, was_over="mv" not in calls[number - 1 :])
        try:
            check(run)
        except AssertionError as failure:
            left = f"{run.words}: {twin.events()}, serves {twin.serves()}"
            return f"call {number} ({calls[number - 1][:70]}): {left}: {failure}"
        shutil.rmtree(twin.root, ignore_errors=True)  # a failed one may be looked at
        return None

    with ThreadPoolExecutor(WORKERS) as pool:
        failures = [found for found in pool.map(attempt, range(1, len(calls) + 1)) if found]
    assert not failures, "\n".join(failures)


def calls_of(host: FakeHost, scenario: Scenario, plan: Plan) -> list[str]:
    """The calls of the deploy where nothing goes wrong."""
    run = deploy(host, plan)
    assert host.events()[-1] == f"{scenario.ends} 3", run.words
    return host.calls("transact")


def deploy(host: FakeHost, plan: Plan) -> Run:
    """Run the transaction, and wait until nobody works on it any more."""
    status, words = EXIT_OK, ""
    try:
        host.run(replace(plan, service=host.service))
    except DeployctlError as error:
        status, words = error.exit_status, error.message
    wait_for_lock(host)
    return Run(host, status, plan.run, words)


def wait_for_lock(host: FakeHost) -> None:
    """A docker call that outlives its run keeps the lock until it is over."""
    give_up = time.monotonic() + 60
    while not host.lock_is_free():
        assert time.monotonic() < give_up, "the lock is still held"
        time.sleep(0.02)

"""Several hosts: changes in order until one fails, questions in parallel, the worst status."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl import errors, fleet
from deployctl.errors import BrokenError, HostError, RestoredError
from deployctl.events import Event, HostFinished, HostStarted
from deployctl.inventory import Host
from deployctl.release.release import Action
from deployctl.release.results import RolloutResult, RunResult
from deployctl.ssh.connection import Connection
from tests.unit.build import WEB, release, tag


def done(host: str) -> RunResult:
    return RunResult(host, WEB, Action.DEPLOY, "succeeded", release(2), release(1), "run", 1.0)


def roll_out(
    *hosts: str, failing: dict[str, BaseException] | None = None
) -> tuple[RolloutResult, list[Event]]:
    events: list[Event] = []

    def change(connection: Connection) -> RunResult:
        host = connection.host.name
        if failing and host in failing:
            raise failing[host]
        return done(host)

    result = fleet.in_order(
        [Host(name, f"{name}.example") for name in hosts],
        change,
        events.append,
        action=Action.DEPLOY,
        service=WEB,
        tag=tag(2),
    )
    return result, events


def test_hosts_are_changed_in_their_order() -> None:
    result, events = roll_out("a", "b")

    assert [o.host for o in result.outcomes] == ["a", "b"]
    assert result.not_attempted == ()
    assert result.exit_status == 0
    assert events == [
        HostStarted("a", 1, 2),
        HostFinished("a"),
        HostStarted("b", 2, 2),
        HostFinished("b"),
    ]


def test_the_first_failure_stops_and_the_rest_is_named() -> None:
    failure = RestoredError("restored", "failed")
    result, events = roll_out("a", "b", "c", "d", failing={"b": failure})

    assert [bool(o.error) for o in result.outcomes] == [False, True]
    assert result.not_attempted == ("c", "d")
    assert result.exit_status == 6
    assert events[-1] == HostFinished("b", failure)


def test_an_interruption_is_the_end_of_that_host() -> None:
    result, _ = roll_out("a", "b", failing={"a": KeyboardInterrupt()})

    assert result.exit_status == 130
    assert result.not_attempted == ("b",)


def test_an_interruption_behind_the_outcome_does_not_deny_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(_: Connection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Connection, "drop", stop)
    result, _ = roll_out("a", "b")

    (outcome,) = result.outcomes
    assert outcome.error
    assert outcome.error.exit_status == 130
    assert outcome.error.state == "the deploy there had ended: succeeded"
    assert outcome.error.hint == "deployctl status"
    assert result.not_attempted == ("b",)


def test_an_interruption_behind_a_failure_does_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: Connection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Connection, "drop", stop)
    failure = BrokenError("broken", "the deploy failed", state="nothing serves")
    result, _ = roll_out("a", "b", failing={"a": failure})

    assert result.outcomes[0].error is failure
    assert result.not_attempted == ("b",)


def test_a_bug_is_not_taken_for_an_outcome() -> None:
    with pytest.raises(ZeroDivisionError):
        roll_out("a", failing={"a": ZeroDivisionError()})


def test_questions_are_asked_at_once_and_answers_keep_their_order() -> None:
    together = threading.Barrier(8, timeout=10)

    def ask(number: int) -> int:
        together.wait()
        return number * number

    assert fleet.in_parallel(range(8), ask) == tuple(n * n for n in range(8))


def test_one_question_and_none_need_no_threads() -> None:
    assert fleet.in_parallel(["a"], str.upper) == ("A",)
    assert fleet.in_parallel([], str.upper) == ()


def test_an_error_of_a_question_comes_through() -> None:
    def ask(_: int) -> int:
        raise HostError("unreachable", "no")

    with pytest.raises(HostError):
        fleet.in_parallel([1, 2], ask)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 9], 9),
        ([9, 4], 4),
        ([6, 4], 6),
        ([6, 7], 7),
        ([8, 7], 7),
        ([3, 5], 3),
        ([1, 7], 1),
        ([7, 77], 77),
    ],
)
def test_the_worst_status_counts(statuses: list[int], status: int) -> None:
    assert errors.worst(statuses) == status


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130]), min_size=1))
def test_the_worst_status_is_one_of_them_and_no_order_changes_it(statuses: list[int]) -> None:
    assert errors.worst(statuses) in statuses
    assert errors.worst(statuses) == errors.worst(statuses[::-1])
    assert (errors.worst(statuses) == 0) == (set(statuses) == {0})

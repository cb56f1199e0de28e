"""What the watch of a service makes of what it saw."""

from __future__ import annotations

import pytest

from tests.faults.continuity import (
    Answer,
    Event,
    Span,
    Watched,
    needless_gaps,
    needless_stops,
)

OLD, NEW = "sha-01d", "sha-0e3"


def _watched(answers: str, *events: tuple[float, str, str], away: tuple[Span, ...] = ()) -> Watched:
    """One answer a second: "o" of the old release, "n" of the new one, "." none."""
    tags = {"o": OLD, "n": NEW, ".": None}
    return Watched(
        target=NEW,
        serving=frozenset({"o1"}),
        answers=tuple(Answer(at, tags[each]) for at, each in enumerate(answers)),
        events=tuple(
            Event(at, action, container, OLD if container.startswith("o") else NEW)
            for at, action, container in events
        ),
        without_docker=away,
    )


RECREATE = ((1.0, "create", "n1"), (1.1, "kill", "o1"), (1.9, "die", "o1"), (2.5, "start", "n1"))


def test_a_recreate_is_no_breach() -> None:
    watched = _watched("oo.nn", *RECREATE)

    assert watched.gaps == [Span(1, 3)]
    assert watched.longest_gap == 2
    assert needless_gaps(watched) == []
    assert needless_stops(watched) == []


@pytest.mark.parametrize(
    ("answers", "gaps"),
    [
        ("ooo", []),
        ("...", [Span(0, 2)]),
        ("o..o.n.", [Span(0, 3), Span(3, 5), Span(5, 6)]),
    ],
)
def test_a_gap_goes_from_answer_to_answer(answers: str, gaps: list[Span]) -> None:
    assert _watched(answers).gaps == gaps


def test_a_gap_before_the_new_release_was_started_is_needless() -> None:
    new = ((2.5, "create", "n1"), (3.5, "start", "n1"))

    assert needless_gaps(_watched("o.o.n", (0.5, "pause", "o1"), *new)) == [Span(0, 2)]
    assert needless_gaps(_watched("o.o.n", (0.5, "die", "o1"), *new)) == [Span(0, 2)]


def test_a_gap_before_docker_has_stopped_anything_is_no_doing_of_a_run() -> None:
    watched = _watched("o.o.n", (0.5, "create", "n1"), (2.5, "kill", "o1"), (3.5, "start", "n1"))

    assert needless_gaps(watched) == []


def test_a_new_release_that_answers_was_started_whatever_docker_has_told_by_then() -> None:
    assert needless_gaps(_watched("oo.nn", (4.5, "start", "n1"))) == []


def test_a_new_release_that_cannot_be_started_must_have_been_made() -> None:
    watched = _watched("oo.oo", (1.5, "create", "n1"), (1.6, "kill", "o1"))

    assert needless_gaps(watched) == [Span(1, 3)]
    assert needless_gaps(watched, once="create") == []


def test_what_a_fault_stopped_with_docker_is_excused_and_nothing_else() -> None:
    watched = _watched("o.o.o", (0.5, "kill", "o1"), away=(Span(0.4, 0.6),))

    assert needless_gaps(watched) == [Span(2, 4)]
    assert needless_stops(watched) == []


@pytest.mark.parametrize(
    "before",
    [
        [],
        [(0.1, "create", "n1"), (0.2, "start", "n1"), (0.3, "die", "n1")],
        [(0.1, "create", "n1"), (0.2, "destroy", "n1")],
        [(0.1, "start", "n1"), (0.2, "health_status: unhealthy", "n1")],
        [(0.1, "create", "o2")],
    ],
    ids=["nothing new", "died", "removed", "unhealthy", "another old one"],
)
def test_a_stop_without_a_new_container_that_may_serve_is_needless(
    before: list[tuple[float, str, str]],
) -> None:
    watched = _watched("o", *before, (1.0, "kill", "o1"))

    assert [event.at for event in needless_stops(watched)] == [1.0]


@pytest.mark.parametrize(("moment", "breaches"), [(0.4, []), (0.6, [0.6])])
def test_docker_may_do_late_what_was_asked_before_the_new_container_was_removed(
    moment: float, breaches: list[float]
) -> None:
    new = ((0.0, "create", "n1"), (0.1, "destroy", "n1"))
    watched = _watched("o", *new, (moment, "kill", "o1"))

    assert [event.at for event in needless_stops(watched, late=0.5)] == breaches
    assert [event.at for event in needless_stops(watched)] == [moment]


@pytest.mark.parametrize("sign", ["die", "health_status: unhealthy", "start"])
def test_what_is_not_healthy_may_be_stopped(sign: str) -> None:
    watched = _watched("o", (0.5, sign, "o1"), (1.0, "kill", "o1"))

    assert needless_stops(watched) == []


def test_what_was_put_back_must_not_be_stopped_again() -> None:
    put_back = ((3.0, "die", "n1"), (3.5, "create", "o2"), (4.0, "health_status: healthy", "o2"))
    watched = _watched("oo.nn.", *RECREATE, *put_back, (5.0, "kill", "o2"))

    assert [event.container for event in needless_stops(watched)] == ["o2"]

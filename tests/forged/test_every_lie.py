"""Every field of every answer, with the hostile values in turn, in every way of showing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deployctl.cli import app
from deployctl.compose.host.script import FILES
from tests.forged import rewriting
from tests.forged.checker import problems, told
from tests.forged.conftest import WAYS, Show
from tests.forged.lies import Liar, Place
from tests.forged.scenes import SCENES, Recording
from tests.forged.values import HOSTILE, TEXTS

Lying = Callable[[str], Liar]


@pytest.mark.parametrize("scene", SCENES)
def test_an_honest_host_is_believed(scene: str, liar: Lying, shown: Show) -> None:
    """So that a lie is the only thing that can be wrong below."""
    for way in WAYS:
        seen = shown(liar(scene), way)

        assert problems(seen) == [], way
        assert seen.exit_status == SCENES[scene].exit_status


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_no_lie_does_harm(scene: str, liar: Lying, shown: Show) -> None:
    """A sample: some places, each with one of the values; over all scenes, all of both."""
    some = _some(list(SCENES).index(scene), liar(scene))
    found = [_found(scene, liar, shown, *lie) for lie in some]

    assert not any(listed for _, listed in found), told(found)


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scene", SCENES)
def test_no_lie_does_harm_in_any_place(scene: str, liar: Lying, shown: Show) -> None:
    """Every place, with a few of the values each: all of them together would take a day."""
    found = [_found(scene, liar, shown, *lie) for lie in _more(scene, liar(scene))]

    assert not any(listed for _, listed in found), told(found)


def _found(
    scene: str, liar: Lying, shown: Show, place: Place, value: str, way: str
) -> tuple[str, list[str]]:
    seen = shown(liar(scene).says_at(place, HOSTILE[value]), way)
    return f"{scene}, {place}, {value}, {way}", problems(seen)


def _some(scene: int, liar: Liar) -> Iterator[tuple[Place, str, str]]:
    """Every eighth place, others in the next scene, with the values and ways taking turns.

    What is said after the first answer is of few scenes only: there it is every other place.
    """
    for turn, place in enumerate(liar.places(), start=scene):
        if turn % (2 if place.answer else 8) == 0:
            values = _values_for(place)
            yield place, values[7 * turn % len(values)], WAYS[turn % len(WAYS)]


def _more(scene: str, liar: Liar) -> Iterator[tuple[Place, str, str]]:
    """Every place, with every sixteenth value; others at the next one, and in the next scene."""
    for turn, place in enumerate(liar.places(), start=list(SCENES).index(scene)):
        for count, value in enumerate(_values_for(place)[turn % 16 :: 16]):
            yield place, value, WAYS[(turn + count) % len(WAYS)]


def _values_for(place: Place) -> list[str]:
    return list(TEXTS if rewriting.is_key(place.path) else HOSTILE)


# ---------------------------------------------------------------- that nothing is left out


def test_each_command_that_asks_a_host_has_a_scene() -> None:
    names = {command.callback.__name__ for command in app.registered_commands if command.callback}

    assert names - {scene.arguments[0] for scene in SCENES.values()} == {"lint"}


def test_each_script_of_a_host_is_heard_in_some_scene(record: Callable[[str], Recording]) -> None:
    """By the verbs of scenes.verb_of; `cancel` is a way of asking to follow."""
    scenes = ("check", "deploy", "hold", "unhold", "follow", "abort")
    verbs = {telling.verb for scene in scenes for telling in record(scene).tellings}

    assert FILES.keys() == {"probe.sh", "fetch.sh", "check.sh", "hold.sh", "transact.sh"}
    assert verbs == {"probe", "fetch", "check", "hold", "unhold", "begin", "follow", "abort"}

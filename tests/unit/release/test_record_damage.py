"""A history that is damaged: a right answer, or a clear refusal. Never a silent wrong one.

Three releases were deployed, oldest first; the third one runs. Each test brings its own damage.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from deployctl.release import record, way_back
from deployctl.release.record import STARTED, History
from deployctl.release.way_back import NoTarget
from tests.unit.build import WEB, entry, release

Damage = Callable[[list[str]], str]

LINES = [
    f"{json.dumps(line, separators=(',', ':'))}\n"
    for line in (
        entry(1, 1, STARTED, run="a"),
        entry(2, 1, run="a"),
        entry(3, 2, STARTED, run="b"),
        entry(4, 2, run="b"),
        entry(5, 3, STARTED, run="c"),
        entry(6, 3, run="c"),
    )
]


def with_line(number: int, text: str) -> Damage:
    """The history with another line in the place of one, counted from 1."""
    return lambda lines: "".join([*lines[: number - 1], text, *lines[number:]])


def changed(number: int, field: str, value: object) -> Damage:
    """The history with another value in one field of one line; None: without the field."""

    def damage(lines: list[str]) -> str:
        line = json.loads(lines[number - 1])
        line.pop(field, None)
        text = json.dumps(line if value is None else {**line, field: value})
        return with_line(number, f"{text}\n")(lines)

    return damage


def appended(text: str) -> Damage:
    return lambda lines: "".join([*lines, text])


def torn_at_its_end(lines: list[str]) -> str:
    return "".join(lines)[:-40]


def without_line(number: int) -> Damage:
    return with_line(number, "")


def unknown_version(number: int) -> Damage:
    return changed(number, "v", 2)


SECOND_SUCCEEDED, THIRD_STARTED, THIRD_SUCCEEDED = 4, 5, 6


def read(damage: Damage) -> History:
    """What is read of the damaged file."""
    return record.parse(damage(LINES).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(appended('{"v":1,"seq":7,"at":"2026-'), id="torn line behind the last"),
        pytest.param(torn_at_its_end, id="last line torn"),
        pytest.param(lambda lines: "".join(lines)[:-1], id="last newline missing"),
        pytest.param(with_line(1, "garbage\n"), id="garbage in front of the target"),
        pytest.param(with_line(3, "\x00\udcff\udcfe{[\n"), id="bytes in front of the target"),
        pytest.param(unknown_version(1), id="unknown version in front of the target"),
        pytest.param(changed(1, "seq", None), id="no seq in front of the target"),
        pytest.param(lambda lines: "".join(lines).replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda lines: "\n\n".join(lines) + "\n \n", id="blank lines"),
        pytest.param(lambda lines: "".join(lines[2:]), id="beginning cut off"),
        pytest.param(changed(6, "more", [1]), id="a field nobody knows"),
    ],
)
def test_damage_that_cannot_matter_leaves_the_right_target(damage: Damage) -> None:
    target = way_back.rollback_target(read(damage), WEB, release(3), well=True)

    assert target.release == release(2)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(with_line(SECOND_SUCCEEDED, "garbage\n"), id="garbage"),
        pytest.param(unknown_version(SECOND_SUCCEEDED), id="unknown version"),
        pytest.param(changed(SECOND_SUCCEEDED, "seq", None), id="no seq"),
        pytest.param(changed(SECOND_SUCCEEDED, "seq", "4"), id="seq of another kind"),
        pytest.param(changed(SECOND_SUCCEEDED, "tag", 7), id="tag of another kind"),
        pytest.param(without_line(SECOND_SUCCEEDED), id="line cut out"),
        pytest.param(
            lambda lines: "".join([*lines[:3], lines[3].rstrip("\n"), *lines[4:]]),
            id="two lines glued together",
        ),
        pytest.param(lambda lines: "".join([*lines[:2], *lines[4:]]), id="a whole run cut out"),
        pytest.param(appended("garbage\n"), id="garbage at the end"),
        pytest.param(
            lambda lines: "".join([*lines, lines[3].replace('"v":1,"seq":4', '"v":2,"seq":7')]),
            id="unknown version at the end",
        ),
    ],
)
def test_damage_behind_the_target_is_a_refusal_that_names_a_way_out(damage: Damage) -> None:
    damaged = read(damage)

    with pytest.raises(NoTarget) as refused:
        way_back.rollback_target(damaged, WEB, release(3), well=True)

    assert refused.value.code == "history-damaged"
    assert f"deployctl rollback {WEB} sha-" in refused.value.hint
    assert damaged.problems


def test_whoever_knows_better_names_the_tag() -> None:
    damaged = read(with_line(SECOND_SUCCEEDED, "garbage\n"))

    assert way_back.named_target(damaged, WEB, release(1).tag).release == release(1)

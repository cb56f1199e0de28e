"""The history: what is read out of a file that nobody trusts, and what is written into it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.release import record, way_back
from deployctl.release.origin import WorkflowRun
from deployctl.release.record import STARTED, History
from tests.unit.build import WEB, entry, recorded, release, text


def test_lines_are_read_in_their_order() -> None:
    found = recorded(entry(1, 1, STARTED, run="a"), entry(2, 1, run="a"))

    assert [(e.seq, e.event, e.run) for e in found.entries] == [
        (1, STARTED, "a"),
        (2, "succeeded", "a"),
    ]
    assert found.entries[1].release == release(1)
    assert found.problems == ()
    assert found.next_seq == 3


def test_an_empty_file_has_no_entries_and_no_problems() -> None:
    assert record.parse(b"") == History()
    assert record.parse(b"\n\n") == History(size=2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"garbage", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (json.dumps(entry(2, 2, v=2)).encode(), "unknown version"),
        (json.dumps(entry(2, 2, v=True)).encode(), "unknown version"),
        (json.dumps({**entry(2, 2), "seq": "2"}).encode(), "no usable seq"),
        (json.dumps({**entry(2, 2), "seq": None}).encode(), "no usable seq"),
        (json.dumps(entry(-2, 2)).encode(), "no usable seq"),
        (json.dumps(entry(2, 2, "exploded")).encode(), "unknown event"),
        (json.dumps({**entry(2, 2), "tag": 7}).encode(), "no usable tag"),
        (json.dumps({**entry(2, 2), "previous": "sha-1"}).encode(), "no usable previous"),
        (json.dumps({**entry(2, 2), "previous": {}}).encode(), "no usable tag"),
    ],
)
def test_a_line_that_cannot_be_read_is_skipped_and_said(line: bytes, said: str) -> None:
    found = record.parse(text([entry(1, 1)]) + line + b"\n" + text([entry(3, 3)]))

    assert [e.seq for e in found.entries] == [1, 3]
    assert said in found.problems[0]
    assert "line 2" in found.problems[0]
    assert found.gaps == {1}


def test_lines_with_the_same_fault_are_told_once_with_their_count() -> None:
    lines = [entry(1, 1), *(entry(seq, 2) for seq in range(3, 5000, 2))]
    broken = b"garbage\n".join(json.dumps(line).encode() + b"\n" for line in lines)

    assert record.parse(broken + b"[1]\n").problems == (
        "2499 lines (2, 4, 6, …): not JSON",
        "line 5000: not a JSON object",
        "the numbering is broken in 2499 places, first: 3 follows 1",
    )


def test_lines_with_carriage_returns_are_read() -> None:
    found = record.parse(text([entry(1, 1), entry(2, 2)]).replace(b"\n", b"\r\n"))

    assert len(found.entries) == 2
    assert found.problems == ()


def test_a_torn_last_line_is_reported_and_no_gap() -> None:
    whole = text([entry(1, 1), entry(2, 2)])
    found = record.parse(whole + text([entry(3, 3)])[:40])

    assert len(found.entries) == 2
    assert "torn" in found.problems[-1]
    assert found.gaps == frozenset()
    assert way_back.rollback_target(found, WEB, release(2), well=True).release == release(1)


def test_a_last_line_that_lacks_only_its_end_counts() -> None:
    assert len(record.parse(text([entry(1, 1), entry(2, 2)])[:-1]).entries) == 2


@pytest.mark.parametrize("numbers", [(1, 3), (2, 1), (1, 1), (5, 9)])
def test_a_break_in_the_numbering_is_reported(numbers: tuple[int, int]) -> None:
    found = recorded(entry(numbers[0], 1), entry(numbers[1], 2))

    assert found.gaps == {1}
    assert f"{numbers[1]} follows {numbers[0]}" in found.problems[0]


def test_only_the_end_of_a_long_file_is_read_and_its_cut_first_line_is_no_problem() -> None:
    data = text([entry(1, 1), entry(2, 2), entry(3, 3)])
    found = record.parse(data[50:], size=len(data))

    assert found.truncated
    assert [e.seq for e in found.entries] == [2, 3]
    assert found.problems == ()
    assert found.size == len(data)


@pytest.mark.parametrize("seconds", [None, "1", -1, 1e300, float("inf"), float("nan"), True])
def test_a_duration_that_cannot_be_shown_counts_as_none(seconds: Any) -> None:
    assert recorded(entry(1, 1, seconds=seconds)).entries[0].seconds in {0.0, 1.0}


def test_a_run_that_found_its_release_running_did_not_bring_it_nor_end_anything() -> None:
    found = recorded(
        entry(1, 1), entry(2, 2, record.BROKEN, previous=1), entry(3, 1, unchanged=True)
    )

    assert [e.seq for e in (found.last_success(WEB), found.last_end(WEB)) if e] == [3, 2]
    assert found.brought_by(found.entries[2]) == found.entries[0]
    assert found.brought_by(found.entries[0]) == found.entries[0]


def test_a_started_line_without_an_outcome_is_unfinished_whatever_its_service() -> None:
    found = recorded(
        entry(1, 1, STARTED, run="a"),
        entry(2, 1, run="a"),
        entry(3, 2, STARTED, run="b", service="other"),
    )

    assert [e.run for e in found.unfinished()] == ["b"]


@given(st.binary(max_size=400), st.none() | st.integers(0, 10_000))
def test_arbitrary_bytes_are_a_history_with_problems_never_an_exception(
    data: bytes, size: int | None
) -> None:
    found = record.parse(data, size=size)
    assert found.entries == ()
    assert not data.strip() or found.problems or found.truncated


LINE = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats()
        for name in entry(1, 1)
    },
)


@given(LINE)
def test_any_json_object_is_an_entry_or_a_problem(line: dict[str, Any]) -> None:
    found = record.parse(json.dumps({**entry(1, 1), **line}).encode() + b"\n")
    assert len(found.entries) + len(found.problems) == 1


def test_what_the_client_records_is_what_it_reads_again() -> None:
    fields = record.record_fields(
        run="r",
        action="deploy",
        service=WEB,
        release=release(2),
        previous=release(1),
        image_store="overlay2",
        files="ff",
        by='k"im\n',
        source="terminal",
        run_url="https://example",
    )
    line = f'{{"v":1,"seq":1,"at":"now","event":"succeeded",{fields},"reason":"","seconds":1.5}}\n'
    read = record.parse(line.encode()).entries[0]

    assert "\n" not in fields
    assert (read.release, read.previous, read.by) == (release(2), release(1), 'k"im\n')
    assert record.interrupted_fields(read) == fields


def test_the_run_of_a_workflow_is_written_and_read_again() -> None:
    run = WorkflowRun("example/infra/.github/workflows/deploy.yml", 42, 2, 40 * "a")
    fields = record.record_fields(
        run="r",
        action="deploy",
        service=WEB,
        release=release(1),
        previous=None,
        image_store="",
        files="",
        by="kim",
        source="github-actions",
        run_url="",
        workflow_run=run,
    )
    line = f'{{"v":1,"seq":1,"at":"","event":"started",{fields},"reason":"","seconds":0}}\n'

    (read,) = record.parse(line.encode()).entries

    assert read.workflow_run == run
    assert record.interrupted_fields(read) == fields

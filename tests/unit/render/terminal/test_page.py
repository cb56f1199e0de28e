"""What a stream can show: colours, a width, characters."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TextIO

import pytest

from deployctl.errors import GateResult, RefusedError
from deployctl.release.results import HostOutcome
from deployctl.render.terminal.error_lines import error
from deployctl.render.terminal.history_table import history
from deployctl.render.terminal.page import Page, terminal_width, wants_color
from deployctl.render.terminal.rollout_lines import rollout
from deployctl.render.terminal.status_table import status
from tests.unit.render.samples import NOW, RESTORED, UNREACHABLE, Terminal, in_sync, of_runs, run
from tests.unit.render.terminal.real_terminal import RealTerminal
from tests.unit.render.terminal.shown import (
    RECORDED,
    SMART,
    STYLE,
    AsciiFile,
    error_of,
    history_of,
    lines_of,
    rolled_out,
    status_of,
)


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
    assert wants_color(stream, environment) is expected


def test_a_closed_stream_is_no_terminal() -> None:
    stream = Terminal()
    closed = io.StringIO()
    closed.close()
    assert wants_color(closed, SMART) is False
    assert terminal_width(stream, {}) == 80


@pytest.mark.parametrize(
    ("wanted", "expected"), [("120", 120), ("0", 80), ("wide", 80), ("9" * 5000, 80), ("3", 20)]
)
def test_columns_in_the_environment_count(wanted: str, expected: int) -> None:
    assert terminal_width(io.StringIO(), {"COLUMNS": wanted}) == expected


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
        status(Page(stream, color=color, width=80), [in_sync(), UNREACHABLE], NOW)
        history(Page(stream, color=color, width=80), [RECORDED], NOW)
    assert "\x1b[32m" in coloured.getvalue()
    assert STYLE.sub("", coloured.getvalue()) == plain.getvalue()


def test_a_stream_without_unicode_gets_other_marks() -> None:
    stream = AsciiFile()
    planned = run(outcome="planned", gate_results=(GateResult("tag", True, "é → ✓"),))
    rollout(Page(stream, color=False), of_runs(planned), NOW)
    assert "  + tag  \\xe9 -> +\n" in stream.text()


def test_importing_the_views_imports_no_rich() -> None:
    code = (
        "import sys, deployctl.render.json, deployctl.render.terminal.error_lines\n"
        "from deployctl.render.terminal import history_table, progress, rollout_lines\n"
        "from deployctl.render.terminal import status_table\n"
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
    error(Page(stream, color=False), RefusedError("x", "né"))
    assert lines_of(stream.getvalue())[0] == "error: n\\xe9"


def test_a_real_terminal_has_a_width() -> None:
    terminal = RealTerminal(132)
    width = terminal_width(terminal.stream, {})
    terminal.close()
    assert width == 132

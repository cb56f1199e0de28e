"""What the terminal shows of results, as text to compare."""

from __future__ import annotations

import io
import re
from typing import TextIO

from deployctl.errors import DeployctlError
from deployctl.release.results import HistoryResult, RolloutResult, RunOutcome, StatusResult
from deployctl.render.terminal.error_lines import error
from deployctl.render.terminal.history_table import history
from deployctl.render.terminal.page import Page
from deployctl.render.terminal.rollout_lines import rollout
from deployctl.render.terminal.status_table import status
from tests.unit.render.samples import NOW, Terminal, entry, recorded_run

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
    rollout(Page(stream, color=color), result, NOW)
    return stream.getvalue() if isinstance(stream, io.StringIO) else ""


def status_of(*rows: StatusResult, out: io.StringIO | None = None, width: int = 80) -> str:
    stream = out or Terminal()
    status(Page(stream, color=False, width=width), rows, NOW)
    return stream.getvalue()


def history_of(
    *results: HistoryResult,
    out: io.StringIO | None = None,
    width: int = 80,
    events: bool = False,
) -> str:
    stream = out or Terminal()
    history(Page(stream, color=False, width=width), results, NOW, events=events)
    return stream.getvalue()


def error_of(err: DeployctlError, *, color: bool = False) -> str:
    stream = io.StringIO()
    error(Page(stream, color=color), err)
    return stream.getvalue()


def lines_of(text: str) -> list[str]:
    return text.splitlines()


def assert_harmless(text: str) -> None:
    assert text.replace("\n", "").isprintable()
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))


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
        recorded_run(outcome=RunOutcome.RESTORED, reason="health-timeout", put_back="sha-0f9e8d7"),
        recorded_run(),
    ),
)

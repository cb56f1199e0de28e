"""An answer that cannot be written: disk full, stream closed. The outcome is not affected."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deployctl import errors
from deployctl.errors import UsageError
from deployctl.lint.findings import Report
from deployctl.release.check import CheckResult
from deployctl.release.hold import HoldOutcome, HoldResult
from deployctl.release.results import HistoryResult, HostOutcome
from deployctl.render.output import Output
from tests.unit.render.samples import RESTORED, in_sync, of_runs, run

HELD = HoldResult("vps", "web", HoldOutcome.SET)
REFUSED = HoldResult("vps", "web", HoldOutcome.FAILED, error=errors.BusyError("hold", "held"))


class FullDisk(io.StringIO):
    """A file for which there is no room."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class StoppedByTheUser(io.StringIO):
    """A terminal at which somebody presses Ctrl-C while the answer is written."""

    def write(self, _: str) -> int:
        raise KeyboardInterrupt


CHANGES: dict[str, tuple[Callable[[Output, int], int], int]] = {
    "deploy": (lambda output, status: output.rollout(of_runs(run()), status), 0),
    "deploy that was put back": (
        lambda output, status: output.rollout(of_runs(HostOutcome("vps", error=RESTORED)), status),
        6,
    ),
    "hold": (lambda output, status: output.holds([HELD], "hold", status), 0),
    "hold in vain": (lambda output, status: output.holds([REFUSED], "hold", status), 5),
}
QUESTIONS: dict[str, Callable[[Output, int], int]] = {
    "dry run": lambda output, status: output.rollout(replace(of_runs(run()), dry_run=True), status),
    "status": lambda output, status: output.status([in_sync()], status),
    "history": lambda output, status: output.history([HistoryResult("vps")], status),
    "check": lambda output, status: output.check([CheckResult("vps", "web", ())], status),
    "lint": lambda output, status: output.lint(Report((), (), 0), status, sarif=False),
    "lint as SARIF": lambda output, status: output.lint(Report((), (), 0), status, sarif=True),
}


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("name", CHANGES)
def test_the_status_of_a_command_that_changes_something_is_its_outcome(
    name: str, json: bool
) -> None:
    tell, outcome = CHANGES[name]
    err = io.StringIO()

    assert tell(Output({}, json=json, out=FullDisk(), err=err), outcome) == outcome

    if outcome != errors.EXIT_OK and not json:
        assert "could not be written" not in err.getvalue(), "all of it is said on stderr"
        return
    assert "could not be written to standard output: No space left on device (ENOSPC)" in (
        err.getvalue()
    )
    assert "next: deployctl status " in err.getvalue()
    if outcome == errors.EXIT_OK:
        assert "state: what was asked for is done\n" in err.getvalue()
    else:
        assert f"state: exit status {outcome} tells how it ended\n" in err.getvalue()


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("name", CHANGES)
def test_who_stops_the_answer_takes_nothing_back(name: str, json: bool) -> None:
    tell, outcome = CHANGES[name]
    err = io.StringIO()

    assert tell(Output({}, json=json, out=StoppedByTheUser(), err=err), outcome) == outcome
    assert outcome != 0 or "state: what was asked for is done" in err.getvalue()


def test_who_stops_a_question_is_told_that_nothing_was_changed() -> None:
    for ask in QUESTIONS.values():
        with pytest.raises(KeyboardInterrupt):
            ask(Output({}, json=False, out=StoppedByTheUser(), err=io.StringIO()), 0)


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_whose_answer_is_lost_never_ends_with_0(name: str, json: bool) -> None:
    err = io.StringIO()

    assert QUESTIONS[name](Output({}, json=json, out=FullDisk(), err=err), 0) == errors.EXIT_USAGE
    assert QUESTIONS[name](Output({}, json=json, out=FullDisk(), err=err), 9) == errors.EXIT_DRIFT

    assert err.getvalue().count("ENOSPC") == 2
    assert err.getvalue().count("send the answer somewhere else, and ask again") == 2


def test_an_error_whose_document_is_lost_keeps_its_status_and_both_are_told() -> None:
    err = io.StringIO()
    output = Output({}, json=True, out=FullDisk(), err=err)

    assert output.error(UsageError("x", "no such thing", hint="look"), "deploy") == 2

    assert "error: no such thing" in err.getvalue()
    assert "ENOSPC" in err.getvalue()


def test_where_nothing_at_all_can_be_written_the_status_still_tells_the_truth() -> None:
    output = Output({}, json=False, out=FullDisk(), err=FullDisk())

    assert output.rollout(of_runs(run()), 0) == 0
    assert output.rollout(of_runs(HostOutcome("vps", error=RESTORED)), 6) == 6
    assert output.status([in_sync()], 0) == errors.EXIT_USAGE


@pytest.mark.parametrize(
    ("variable", "what"),
    [("GITHUB_OUTPUT", "outputs of this step"), ("GITHUB_STEP_SUMMARY", "summary of this step")],
)
def test_a_file_of_the_runner_that_cannot_be_written_is_a_warning(
    tmp_path: Path, variable: str, what: str
) -> None:
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path, why in (("/dev/full", "No space left on device"), (str(tmp_path), "Is a directory")):
        err = io.StringIO()
        environment = {"GITHUB_ACTIONS": "true", **files, variable: path}

        assert (
            Output(environment, json=False, out=io.StringIO(), err=err).rollout(of_runs(run()), 0)
            == 0
        )

        assert f"{variable} ({path}) cannot be written: {why}" in err.getvalue()
        assert f"the {what} " in err.getvalue()


def sh(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which $D is deployctl."""
    return subprocess.run(
        ["bash", "-c", script],
        env={"D": f"{sys.executable} -m deployctl", "PATH": os.environ["PATH"]},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("$D --help >/dev/full", "standard output, /dev/full: No space left on device (ENOSPC)"),
        ("$D --version >&-", "standard output, which is closed"),
        ("$D lint --json >/dev/full", "/dev/full"),
        ("$D lint --json <&- >&-", "which is closed"),
    ],
)
def test_a_process_names_the_place_that_takes_nothing(
    tmp_path: Path, line: str, place: str
) -> None:
    ended = sh(tmp_path, line)

    assert ended.returncode == errors.EXIT_USAGE
    assert place in ended.stderr
    assert "a bug in deployctl" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize("words", ["--help", "--version", "status --help"])
def test_a_reader_of_the_help_that_leaves_is_no_failure(tmp_path: Path, words: str) -> None:
    ended = sh(tmp_path, f"set -o pipefail; $D {words} | true")

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("stream", [">/dev/full 2>&1", ">&- 2>&-", "2>/dev/full", "2>&-"])
def test_a_process_that_can_say_nothing_ends_with_the_status_of_its_outcome(
    tmp_path: Path, stream: str
) -> None:
    assert sh(tmp_path, f"$D deploy web sha-1234567 {stream}").returncode == errors.EXIT_USAGE

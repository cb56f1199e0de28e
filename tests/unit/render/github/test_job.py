"""What a workflow is loud, and that nobody else can tell it."""

from __future__ import annotations

import html
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl import errors
from deployctl.__main__ import run as main
from deployctl.errors import RestoredError, UsageError
from deployctl.events import Event, HostFinished, HostStarted, Phase, StepStarted
from deployctl.release.check import CheckFinding, CheckResult, Severity
from deployctl.release.results import RolloutResult
from deployctl.render.github.job import GithubJob
from deployctl.render.output import Output
from tests.unit.render.github.step import FAILED, Step, failed
from tests.unit.render.samples import NEW, of_runs, rollouts, run
from tests.workflow_runner import commands


def test_the_delimiter_is_another_one_every_time(step: Step) -> None:
    job = GithubJob(step.environment, step.err)
    for _ in range(2):
        job.error(UsageError("usage", "m"))

    delimiters = set(re.findall(r"(?m)^tag<<(.+)$", step.output.read_text()))
    assert len(delimiters) == 2


def test_what_other_commands_wrote_before_is_left_whole(step: Step) -> None:
    step.output.write_text("mine=1\nunfinished=2")

    step.render().rollout(of_runs(run()), 0)

    assert step.outputs["unfinished"] == "2"
    assert step.outputs["tag"] == NEW.tag


@pytest.mark.parametrize("path", ["", "/no/such/directory/file", "/", "nul\0byte"])
@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_file_that_cannot_be_written_is_a_warning(
    tmp_path: Path, variable: str, path: str
) -> None:
    step = Step(tmp_path, **{variable: path})

    step.render().rollout(of_runs(run()), 0)

    (warning,) = step.commands
    assert warning.name == "warning"
    assert variable in warning.data
    assert "enforcer-backend runs" in step.out.getvalue()


@given(rollouts, st.booleans())
def test_no_result_gives_a_runner_orders(result: RolloutResult, as_json: bool) -> None:
    own = {"error", "group", "endgroup", "add-mask"}
    out, err = io.StringIO(), io.StringIO()
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/dev/null"}
    output = Output(
        environment | {"GITHUB_STEP_SUMMARY": "/dev/null"}, json=as_json, out=out, err=err
    )

    output.rollout(result, 3)

    assert commands(out.getvalue()) == []
    said = [command.name for command in commands(err.getvalue())]
    assert set(said) <= own
    assert said.count("error") == sum(outcome.error is not None for outcome in result.outcomes)
    assert said.count("group") == said.count("endgroup")
    if as_json:
        json.loads(out.getvalue())


def test_with_json_stdout_is_still_one_document(step: Step) -> None:
    step.render(json=True).rollout(failed(FAILED), 6)

    assert json.loads(step.out.getvalue())["exit_status"] == 6
    assert "error" in {command.name for command in step.commands}


def test_the_steps_on_each_of_several_hosts_are_folded(step: Step) -> None:
    seen: list[Event] = []
    observe = step.render().observer(seen.append)
    for host in ("vps1", "vps2"):
        observe(HostStarted(host, 1, 2))
        observe(StepStarted(host, Phase.CONNECT))
        observe(HostFinished(host))
    observe(HostStarted("alone", 1, 1))
    observe(HostFinished("alone"))

    assert len(seen) == 8
    assert [c.name for c in step.commands] == ["group", "endgroup", "group", "endgroup"]


@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "false"}])
def test_elsewhere_there_is_no_workflow(tmp_path: Path, environment: dict[str, str]) -> None:
    step = Step(tmp_path, **{"GITHUB_ACTIONS": "", **environment})

    step.render().rollout(failed(FAILED), 6)

    assert step.commands == []
    assert not step.output.exists()


def test_a_flag_switches_it_off(step: Step) -> None:
    step.render(github=False).rollout(failed(FAILED), 6)

    assert step.commands == []
    assert not step.output.exists()
    assert not step.summary.exists()
    assert "  | panic" in step.err.getvalue()


def test_the_flag_is_heeded_also_where_nothing_else_was_understood(
    step: Step, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in step.environment.items():
        monkeypatch.setenv(name, value)

    assert main(["deploy", "--no-such-option", "--no-github"]) == errors.EXIT_USAGE
    quiet = capsys.readouterr()
    assert main(["deploy", "--no-such-option"]) == errors.EXIT_USAGE
    loud = capsys.readouterr()

    assert commands(quiet.out + quiet.err) == []
    assert [c.name for c in commands(loud.err)] == ["group", "endgroup", "error"]
    assert step.outputs["outcome"] == "usage"


SECRET_LINES = [
    ("dial postgres://app:s3cret-word@db:5432/x failed", "s3cret-word"),
    ("https://user:tok%3Aen12345@registry.example/v2/", "tok%3Aen12345"),
    (
        "using ghp_0123456789abcdefghij0123456789abcdefgh",
        "ghp_0123456789abcdefghij0123456789abcdefgh",
    ),
    ("Authorization: Bearer abcdefghijklmnop.qrstuv", "abcdefghijklmnop.qrstuv"),
]


@pytest.mark.parametrize(("line", "secret"), SECRET_LINES)
def test_what_looks_like_a_secret_is_not_published(step: Step, line: str, secret: str) -> None:
    error = RestoredError("restored", "m", details=(line,))

    step.render().rollout(failed(error), 6)

    assert_masked(step, secret)
    assert secret not in html.unescape(step.summary.read_text("utf-8"))


@pytest.mark.parametrize(("line", "secret"), SECRET_LINES)
def test_what_a_check_quotes_is_masked_too(step: Step, line: str, secret: str) -> None:
    found = CheckFinding("compose", "compose-invalid", Severity.PROBLEM, "invalid", "", (line,))

    step.render().check([CheckResult("vps", "web", (found,))], 3)

    assert_masked(step, secret)
    assert secret not in step.out.getvalue()


def assert_masked(step: Step, secret: str) -> None:
    masks = [command.data for command in step.commands if command.name == "add-mask"]
    assert masks == [secret]
    shown = [one for one in step.err.getvalue().splitlines() if not one.startswith("::add-mask")]
    assert secret not in "".join(shown)
    assert "***" in step.out.getvalue() + "".join(shown)

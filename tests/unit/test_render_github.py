"""What a workflow is told: outputs, summary, annotations; and that nobody else can tell it."""

from __future__ import annotations

import html
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl import errors
from deployctl.__main__ import run as main
from deployctl.errors import (
    BrokenError,
    OutcomeUnknownError,
    RefusedError,
    RestoredError,
    UsageError,
)
from deployctl.events import Event, HostFinished, HostStarted, Phase, StepStarted
from deployctl.model import Action, HostOutcome, RolloutResult, State
from deployctl.render import step_outputs, step_summary
from deployctl.render.github import Workflow
from deployctl.render.markdown import code, escape, fence
from deployctl.render.output import Output
from deployctl.render.redaction import redact, secrets_in
from deployctl.render.workflow_commands import annotation, group, mask, outputs
from deployctl.verdict import Verdict
from tests.unit.render_samples import (
    NEW,
    OLD,
    UNREACHABLE,
    hostile,
    in_sync,
    of_runs,
    rollouts,
    run,
    statuses,
)
from tests.unit.render_samples import errors as any_errors
from tests.workflow_runner import Command, commands, file_values

RUN = "20251123t115652z-9f3c1a07"
FAILED = RestoredError(
    "restored",
    "deploy of enforcer-backend sha-1a2b3c4 on vps failed: it did not get healthy in time",
    state="sha-0f9e8d7 is back and healthy",
    hint="deployctl status enforcer-backend",
    details=("starting", "panic: DATABASE_URL is not set"),
    about={"run": RUN, "tag": NEW.tag, "digest": NEW.digest, "previous-tag": OLD.tag},
)


class Step:
    """A workflow's step: its files, and what it said."""

    def __init__(self, directory: Path, **changes: str) -> None:
        self.output = directory / "output"
        self.summary = directory / "summary"
        self.environment = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            **changes,
        }
        self.out, self.err = io.StringIO(), io.StringIO()

    def render(self, *, json: bool = False, github: bool = True) -> Output:
        return Output(self.environment, json=json, github=github, out=self.out, err=self.err)

    @property
    def outputs(self) -> dict[str, str]:
        return file_values(self.output.read_text("utf-8"))

    @property
    def commands(self) -> list[Command]:
        return [*commands(self.out.getvalue()), *commands(self.err.getvalue())]


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path)


def _failed(error: Any) -> RolloutResult:
    return of_runs(HostOutcome("vps", error=error))


# ---------------------------------------------------------------- outputs


def test_the_outputs_of_a_deploy_say_what_runs_now_and_what_ran_before(step: Step) -> None:
    step.render().rollout(of_runs(run()), 0)

    assert step.outputs == {
        "tag": NEW.tag,
        "previous-tag": OLD.tag,
        "digest": NEW.digest,
        "outcome": "succeeded",
        "run": RUN,
        "exit-status": "0",
    }


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (FAILED, "restored"),
        (BrokenError("broken", "m", about=FAILED.about), "broken"),
        (OutcomeUnknownError("connection-lost", "m", about={"run": RUN}), "unknown"),
    ],
)
def test_the_outputs_of_a_failure_name_the_run(step: Step, error: Any, outcome: str) -> None:
    step.render().rollout(_failed(error), error.exit_status)

    assert step.outputs["outcome"] == outcome
    assert step.outputs["run"] == RUN
    assert step.outputs["tag"] == NEW.tag
    assert step.outputs["exit-status"] == str(error.exit_status)


def test_where_hosts_differ_an_output_is_empty_and_runs_are_named(step: Step) -> None:
    other = run(host="vps2", previous=None, run="20251123t115700z-0badf00d")

    step.render().rollout(of_runs(run(), other), 0)

    assert step.outputs["tag"] == NEW.tag
    assert step.outputs["previous-tag"] == ""
    assert step.outputs["run"] == f"vps={RUN} vps2=20251123t115700z-0badf00d"


def test_the_outcome_of_several_hosts_is_the_one_that_says_most() -> None:
    mixed = of_runs(run(outcome="unchanged", run=""), run(host="vps2"))

    assert step_outputs.of_rollout(mixed, 0)["outcome"] == "succeeded"
    assert step_outputs.of_rollout(of_runs(run(outcome="planned")), 0)["outcome"] == "planned"


def test_the_outputs_of_a_status_are_what_runs_and_where_a_rollback_goes(step: Step) -> None:
    step.render().status([in_sync()], 0)

    assert step.outputs["tag"] == NEW.tag
    assert step.outputs["previous-tag"] == OLD.tag
    assert step.outputs["outcome"] == "in-sync"


@given(rollouts | st.lists(statuses, max_size=3), st.sampled_from(sorted(step_outputs.OUTCOMES)))
def test_a_step_always_sets_the_same_outputs(results: Any, exit_status: int) -> None:
    if isinstance(results, list):
        told = step_outputs.of_status(results, exit_status)
    else:
        told = step_outputs.of_rollout(results, exit_status)

    assert tuple(told) == step_outputs.NAMES
    assert told["exit-status"] == str(exit_status)


def test_every_exit_status_has_an_outcome() -> None:
    statuses_ = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}

    assert set(step_outputs.OUTCOMES) == statuses_


@given(st.dictionaries(st.sampled_from(step_outputs.NAMES), hostile), st.uuids())
def test_no_value_forges_another_output(values: dict[str, str], secret: Any) -> None:
    text = outputs(values, f"deployctl_{secret.hex}")

    read = file_values(text)
    assert list(read) == list(values)
    assert not any("\n" in value for value in read.values())
    text.encode()  # no lone surrogates either


def test_the_delimiter_is_another_one_every_time(step: Step) -> None:
    workflow = Workflow(step.environment, step.err)
    for _ in range(2):
        workflow.ended(UsageError("usage", "m"))

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


# ---------------------------------------------------------------- commands


@given(hostile, hostile)
def test_an_annotation_carries_its_text_and_nothing_else(title: str, message: str) -> None:
    line = annotation("error", title, message)

    assert len(re.split(r"[\r\n]", line)) == 1
    (command,) = commands(line)
    assert command.name == "error"
    assert set(command.properties) <= {"title"}


@given(st.text("%:,\r\n=a0AD25 ", max_size=30).filter(str.strip))
def test_an_annotation_is_read_as_it_was_meant(text: str) -> None:
    (command,) = commands(annotation("warning", "a: b, c=100%", f"x{text}x"))

    assert command.properties == {"title": "a: b, c=100%"}
    assert command.data == f"x{text}x".replace("\r\n", "\n").replace("\r", "\\x0d")


@given(hostile)
def test_a_group_is_one_command(title: str) -> None:
    assert [command.name for command in commands(group(title))] == ["group"]


@pytest.mark.parametrize("secret", ["", "one\ntwo", "one\rtwo", "-----BEGIN\n-----END\n"])
def test_a_secret_of_several_lines_is_never_printed(secret: str) -> None:
    with pytest.raises(ValueError, match="single line"):
        mask(secret)


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


@given(st.lists(statuses, max_size=3), st.sampled_from([0, 4, 9]))
def test_no_status_gives_a_runner_orders(rows: Any, exit_status: int) -> None:
    log = io.StringIO()

    Workflow({}, log).status(rows, exit_status)

    assert {c.name for c in commands(log.getvalue())} <= {"error", "warning"}
    assert len(log.getvalue().splitlines()) == len(commands(log.getvalue()))


def test_a_failure_is_one_annotation_with_the_state_and_the_next_command(step: Step) -> None:
    step.render().rollout(_failed(FAILED), 6)

    opened, closed, error = step.commands
    assert (opened.name, closed.name) == ("group", "endgroup")
    assert error.properties["title"] == "deployctl: failed, the previous release is back"
    assert error.data.splitlines() == [
        FAILED.message,
        f"state: {FAILED.state}",
        f"next: {FAILED.hint}",
    ]
    folded = step.err.getvalue().partition("::group::")[2].partition("::endgroup::")[0]
    assert "panic: DATABASE_URL is not set" in folded


def test_with_json_stdout_is_still_one_document(step: Step) -> None:
    step.render(json=True).rollout(_failed(FAILED), 6)

    assert json.loads(step.out.getvalue())["exit_status"] == 6
    assert "error" in {command.name for command in step.commands}


def test_a_status_that_was_to_be_checked_fails_with_an_error_else_it_warns(step: Step) -> None:
    drifted = [in_sync(state=State.UNTRACKED), UNREACHABLE]

    step.render().status(drifted, errors.EXIT_DRIFT)
    step.render().status(drifted, errors.EXIT_UNREACHABLE)

    assert [command.name for command in step.commands] == ["error", "error", "warning", "error"]
    assert step.outputs["outcome"] == "differs"


def test_the_steps_on_each_of_several_hosts_are_folded(step: Step) -> None:
    heard: list[Event] = []
    observe = step.render().observer(heard.append)
    for host in ("vps1", "vps2"):
        observe(HostStarted(host, 1, 2))
        observe(StepStarted(host, Phase.CONNECT))
        observe(HostFinished(host))
    observe(HostStarted("alone", 1, 1))
    observe(HostFinished("alone"))

    assert len(heard) == 8
    assert [c.name for c in step.commands] == ["group", "endgroup", "group", "endgroup"]


@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "false"}])
def test_elsewhere_there_is_no_workflow(tmp_path: Path, environment: dict[str, str]) -> None:
    step = Step(tmp_path, **{"GITHUB_ACTIONS": "", **environment})

    step.render().rollout(_failed(FAILED), 6)

    assert step.commands == []
    assert not step.output.exists()


def test_a_flag_switches_it_off(step: Step) -> None:
    step.render(github=False).rollout(_failed(FAILED), 6)

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
    told = capsys.readouterr()

    assert commands(quiet.out + quiet.err) == []
    assert [c.name for c in commands(told.err)] == ["group", "endgroup", "error"]
    assert step.outputs["outcome"] == "usage"


# ---------------------------------------------------------------- the summary


def test_a_summary_says_what_was_deployed_where_and_how_to_undo_it(step: Step) -> None:
    verdict = Verdict("tag", True, "sha-1a2b3c4 is a commit tag")

    step.render().rollout(of_runs(run(verdicts=(verdict,))), 0)

    text = step.summary.read_text("utf-8")
    assert text.startswith("### ✅ `enforcer-backend`: deploy of `sha-1a2b3c4`\n")
    assert f"| vps | deployed | `{OLD.tag}` | `{NEW.tag}` | `{NEW.digest}` | 4&#46;2 s |" in text
    assert "```sh\ndeployctl rollback enforcer-backend\n```" in text
    assert "1 of 1 gates passed on vps" in text


def test_the_way_back_from_a_rollback_is_a_deploy() -> None:
    back = RolloutResult(
        Action.ROLLBACK,
        "web",
        "",
        (
            HostOutcome(
                "vps", run(service="web", action=Action.ROLLBACK, release=OLD, previous=NEW)
            ),
        ),
        (),
        1.0,
    )

    assert f"deployctl deploy web {NEW.tag}" in "".join(step_summary.rollout(back))


def test_a_first_deploy_and_a_no_op_have_no_way_back() -> None:
    first = "".join(step_summary.rollout(of_runs(run(previous=None))))
    no_op = "".join(step_summary.rollout(of_runs(run(outcome="unchanged"))))

    assert "no earlier release" in first
    assert "Nothing was changed" in no_op


def test_a_rollout_that_failed_half_way_is_undone_where_it_was_done() -> None:
    result = of_runs(run(), HostOutcome("vps2", error=FAILED), not_attempted=("vps3",))

    text = "".join(step_summary.rollout(result))

    assert "deployctl rollback enforcer-backend --host vps\n" in text
    assert "| vps3 | not attempted |" in text


def test_the_summary_of_a_failure_has_the_state_and_the_log(step: Step) -> None:
    step.render().rollout(_failed(FAILED), 6)

    text = html.unescape(step.summary.read_text("utf-8"))
    assert text.startswith("### ❌ `enforcer-backend`: deploy of `sha-1a2b3c4` failed\n")
    assert f"**State of the host:** {FAILED.state}" in text
    assert "```text\nstarting\npanic: DATABASE_URL is not set\n```" in text


def test_the_summary_of_a_refusal_has_what_each_gate_said() -> None:
    refused = RefusedError("digest-mismatch", "the registry serves other content")
    refused.verdicts = (
        Verdict("tag", True, "a commit tag"),
        Verdict("digest", False, "not the one that was scanned"),
        Verdict("revision", False, "not reached", ran=False),
    )

    text = "".join(step_summary.rollout(_failed(refused)))

    assert "1 of 3 gates passed on vps" in text
    marks = [line.split(" | ")[0] for line in text.splitlines() if "| `" in line[:8]]
    assert marks == ["| ✅", "| ❌", "| ⚪"]


def test_the_summary_of_wrong_usage_names_the_variable(step: Step) -> None:
    error = UsageError("environment-missing", "VPS_HOST is set but empty")

    step.render().error(error, "deploy")

    assert "VPS_HOST is set but empty" in html.unescape(step.summary.read_text("utf-8"))
    assert step.outputs["outcome"] == "usage"


@given(hostile | st.text("|`*_[]()<>!&#\\~:@. ab\n", max_size=40))
def test_text_has_no_meaning_to_markdown(text: str) -> None:
    shown = escape(text)

    assert not re.search(r"[|`*_\[\]<>!\\~:@\n]|&(?!#\d+;)|#(?!\d+;)", shown)


@given(st.text("|`a b\\<&\n", max_size=30))
def test_code_stays_in_its_cell(text: str) -> None:
    shown = code(text)

    assert "|" not in shown
    assert "\n" not in shown
    inner = shown.strip("`") if shown.startswith("`") else shown
    assert "`" not in inner


@given(st.lists(st.text("`~ab ", max_size=12), max_size=6))
def test_no_log_breaks_out_of_its_fence(lines: list[str]) -> None:
    first, *inside, last, end = fence(lines).split("\n")

    bar = first.removesuffix("text")
    assert set(bar) == {"`"}
    assert (inside, last, end) == (lines, bar, "")
    # A closing fence is at least as long as the opening one, and nothing else is on its line.
    assert not any(re.fullmatch(rf" *`{{{len(bar)},}} *", line) for line in inside)


@given(st.one_of(rollouts.map(step_summary.rollout), any_errors.map(step_summary.error)))
def test_every_summary_can_be_written(sections: list[str]) -> None:
    text = step_summary.fitting(sections, step_summary.LIMIT)

    text.encode()
    assert "\x1b" not in text
    assert commands(text) == []  # whoever prints it into the log


@given(st.lists(st.text("ab\n", max_size=20), max_size=5), st.integers(-5, 200))
def test_a_summary_never_takes_more_room_than_there_is(sections: list[str], room: int) -> None:
    assert len(step_summary.fitting(sections, room).encode()) <= max(room, 0)


@pytest.mark.slow
def test_a_huge_log_and_huge_facts_stay_below_githubs_limit(step: Step) -> None:
    step.summary.write_text("x" * (step_summary.LIMIT - 200_000))
    huge = RestoredError("restored", "m" * 10**6, details=["漢" * 10**5] * 10**2)
    many = of_runs(*[run(host=f"h{n}") for n in range(2000)], HostOutcome("vps", error=huge))

    step.render().rollout(many, 6)

    size = len(step.summary.read_bytes())
    assert size <= step_summary.LIMIT
    step.render().rollout(_failed(huge), 6)
    assert size < len(step.summary.read_bytes()) <= step_summary.LIMIT


def test_the_last_lines_of_a_long_log_are_kept() -> None:
    error = RestoredError("restored", "m", details=[f"line {n} {'x' * 900}" for n in range(190)])

    text = "".join(step_summary.error(error))

    assert "line 189" in text
    assert "line 1 " not in text


# ---------------------------------------------------------------- secrets of others


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

    step.render().rollout(_failed(error), 6)

    masks = [command.data for command in step.commands if command.name == "add-mask"]
    assert masks == [secret]
    shown = [one for one in step.err.getvalue().splitlines() if not one.startswith("::add-mask")]
    assert secret not in "".join(shown)
    assert secret not in html.unescape(step.summary.read_text("utf-8"))
    assert "***" in "".join(shown)


def test_a_private_key_in_a_log_is_neither_shown_nor_masked() -> None:
    log = [
        "loaded -----BEGIN OPENSSH PRIVATE KEY-----",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=",
        "-----END OPENSSH PRIVATE KEY-----",
        "ready",
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA",
        "panic: the end is missing!",
    ]

    assert redact(log) == (
        "loaded *** (a private key)",
        "ready",
        "*** (a private key)",
        "panic: the end is missing!",
    )
    assert secrets_in(log) == ()


@pytest.mark.parametrize(
    "line",
    ["10:15:02 mail to kim@example.com", "git@github.com:a/b.git", "http://db:5432/x", "a:b@c"],
)
def test_what_is_no_secret_is_left_alone(line: str) -> None:
    assert redact([line]) == (line,)


@given(st.lists(hostile | st.text("a:/@.-BEGIN RSA PRIVATE KEY", max_size=60), max_size=5))
def test_redacting_what_is_redacted_changes_nothing(lines: list[str]) -> None:
    once = redact(lines)

    assert redact(once) == once
    assert len(once) <= len(lines)

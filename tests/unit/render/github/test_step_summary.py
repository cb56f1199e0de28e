"""The summary of a step: what happened, how to undo it, and never too much."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import GateResult, RefusedError, RestoredError, UsageError
from deployctl.release.release import Action
from deployctl.release.results import HostOutcome, RolloutResult
from deployctl.render.github import step_summary
from tests.unit.render.github.step import FAILED, Step, failed
from tests.unit.render.samples import NEW, OLD, of_runs, rollouts, run
from tests.unit.render.samples import errors as any_errors
from tests.workflow_runner import commands


def test_a_summary_says_what_was_deployed_where_and_how_to_undo_it(step: Step) -> None:
    passed = GateResult("tag", True, "sha-1a2b3c4 is a commit tag")

    step.render().rollout(of_runs(run(gate_results=(passed,))), 0)

    text = step.summary.read_text("utf-8")
    assert text.startswith("### ✅ `enforcer-backend`: deploy of `sha-1a2b3c4`\n")
    assert f"| vps | deployed | `{OLD.tag}` | `{NEW.tag}` | `{NEW.digest}` | 4&#46;2 s |" in text
    assert "```sh\ndeployctl rollback enforcer-backend\n```" in text
    assert "1 of 1 gates passed on vps" in text


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            replace(of_runs(run(release=OLD, previous=NEW)), action=Action.ROLLBACK),
            f"deployctl deploy enforcer-backend {NEW.tag}\n",
        ),
        (of_runs(run(previous=None)), "There is no earlier release to go back to.\n"),
        (of_runs(run(outcome="unchanged")), "Nothing was changed.\n"),
        (
            of_runs(run(), HostOutcome("vps2", error=FAILED), not_attempted=("vps3",)),
            "deployctl rollback enforcer-backend --host vps\n",
        ),
    ],
    ids=["rollback", "first deploy", "no-op", "failed half way"],
)
def test_the_way_back_is_said_where_there_is_one(result: RolloutResult, said: str) -> None:
    assert said in "".join(step_summary.rollout(result))


def test_a_host_that_was_not_attempted_is_named() -> None:
    result = of_runs(HostOutcome("vps2", error=FAILED), not_attempted=("vps3",))

    assert "| vps3 | not attempted |" in "".join(step_summary.rollout(result))


def test_the_summary_of_a_failure_has_the_state_and_the_log(step: Step) -> None:
    step.render().rollout(failed(FAILED), 6)

    text = html.unescape(step.summary.read_text("utf-8"))
    assert text.startswith("### ❌ `enforcer-backend`: deploy of `sha-1a2b3c4` failed\n")
    assert f"**State of the host:** {FAILED.state}" in text
    assert "```text\nstarting\npanic: DATABASE_URL is not set\n```" in text


def test_the_summary_of_a_refusal_has_what_each_gate_said() -> None:
    refused = RefusedError("digest-mismatch", "the registry serves other content")
    refused.gate_results = (
        GateResult("tag", True, "a commit tag"),
        GateResult("digest", False, "not the one that was scanned"),
        GateResult("revision", False, "not reached", ran=False),
    )

    text = "".join(step_summary.rollout(failed(refused)))

    assert "1 of 3 gates passed on vps" in text
    marks = [line.split(" | ")[0] for line in text.splitlines() if "| `" in line[:8]]
    assert marks == ["| ✅", "| ❌", "| ⚪"]


def test_the_summary_of_wrong_usage_names_the_variable(step: Step) -> None:
    error = UsageError("environment-missing", "VPS_HOST is set but empty")

    step.render().error(error, "deploy")

    assert "VPS_HOST is set but empty" in html.unescape(step.summary.read_text("utf-8"))
    assert step.outputs["outcome"] == "usage"


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
    step.render().rollout(failed(huge), 6)
    assert size < len(step.summary.read_bytes()) <= step_summary.LIMIT


def test_the_last_lines_of_a_long_log_are_kept() -> None:
    error = RestoredError("restored", "m", details=[f"line {n} {'x' * 900}" for n in range(190)])

    text = "".join(step_summary.error(error))

    assert "line 189" in text
    assert "line 1 " not in text

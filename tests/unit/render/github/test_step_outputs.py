"""The outputs of a step: always the same names, and no half truths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl import errors
from deployctl.errors import BrokenError, OutcomeUnknownError
from deployctl.render.github import step_outputs
from tests.unit.render.github.step import FAILED, RUN, Step, failed
from tests.unit.render.samples import NEW, OLD, in_sync, of_runs, rollouts, run, statuses


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
    step.render().rollout(failed(error), error.exit_status)

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
        values = step_outputs.of_status(results, exit_status)
    else:
        values = step_outputs.of_rollout(results, exit_status)

    assert tuple(values) == step_outputs.NAMES
    assert values["exit-status"] == str(exit_status)


def test_every_exit_status_has_an_outcome() -> None:
    statuses_ = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}

    assert set(step_outputs.OUTCOMES) == statuses_

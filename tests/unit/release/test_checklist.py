"""The list of gates: each has a place, also those that were not asked."""

from __future__ import annotations

import pytest

from deployctl.errors import DeployctlError, GateResult, HostError, RefusedError
from deployctl.release.checklist import Checklist, Gate, gate


def test_the_gates_that_did_not_run_stand_in_their_places() -> None:
    listed = Checklist((Gate.TAG, Gate.SOURCE, Gate.MODEL))

    listed.ask([GateResult("model", True, "compose")])

    assert listed.results("not asked") == (
        GateResult("tag", False, "not asked", ran=False),
        GateResult("source", False, "not asked", ran=False),
        GateResult("model", True, "compose"),
    )


def test_a_gate_is_named_where_it_passes_and_where_it_refuses() -> None:
    @gate(Gate.SOURCE)
    def branch_is_main(branch: str) -> str:
        if branch != "main":
            raise RefusedError("source-refused", "a branch")
        return "main"

    assert branch_is_main("main") == GateResult("source", True, "main")
    with pytest.raises(RefusedError) as caught:
        branch_is_main("other")
    assert caught.value.gate == "source"


def test_a_refusal_takes_the_list_along_with_the_gate_that_refused() -> None:
    listed = Checklist((Gate.TAG, Gate.SOURCE, Gate.MODEL))
    listed.ask([GateResult("tag", True, "a commit tag")])

    with pytest.raises(RefusedError) as caught, listed.attached_to_errors():
        raise RefusedError("source-refused", "a branch", gate=Gate.SOURCE)

    assert caught.value.gate_results == (
        GateResult("tag", True, "a commit tag"),
        GateResult("source", False, "a branch"),
        GateResult("model", False, "not reached", ran=False),
    )


def test_an_error_that_is_no_refusal_leaves_the_list_as_it_was() -> None:
    listed = Checklist((Gate.TAG, Gate.SOURCE), [GateResult("tag", True, "a commit tag")])

    with pytest.raises(HostError) as caught, listed.attached_to_errors():
        raise HostError("docker-down", "no docker")

    assert [(r.passed, r.ran) for r in caught.value.gate_results] == [(True, True), (False, False)]


def test_an_error_that_met_no_gate_has_no_results() -> None:
    assert DeployctlError("code", "message").gate_results == ()

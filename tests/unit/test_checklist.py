"""The list of gates: each has a place, also those that were not asked."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from deployctl import checklist, gates
from deployctl.checklist import Checklist
from deployctl.errors import DeployctlError, HostError, RefusedError
from deployctl.verdict import Verdict


def test_the_gates_that_did_not_run_stand_in_their_places() -> None:
    listed = Checklist(("tag", "source", "model"))

    listed.add(Verdict("model", True, "compose"))

    assert listed.verdicts("not asked") == (
        Verdict("tag", False, "not asked", ran=False),
        Verdict("source", False, "not asked", ran=False),
        Verdict("model", True, "compose"),
    )


def test_a_refusal_takes_the_list_along_with_the_gate_that_refused() -> None:
    listed = Checklist(("tag", "source", "model"))
    listed.add(Verdict("tag", True, "a commit tag"))

    with pytest.raises(RefusedError) as caught, listed.told_with_errors():
        raise RefusedError("source-refused", "a branch")

    assert caught.value.verdicts == (
        Verdict("tag", True, "a commit tag"),
        Verdict("source", False, "a branch"),
        Verdict("model", False, "not reached", ran=False),
    )


def test_an_error_that_is_no_refusal_leaves_the_list_as_it_was() -> None:
    listed = Checklist(("tag", "source"))
    listed.add(Verdict("tag", True, "a commit tag"))

    with pytest.raises(HostError) as caught, listed.told_with_errors():
        raise HostError("docker-down", "no docker")

    assert [(v.passed, v.ran) for v in caught.value.verdicts] == [(True, True), (False, False)]


def test_every_refusal_of_a_gate_has_its_place() -> None:
    tree = ast.parse(Path(gates.__file__).read_text("utf-8"))
    codes = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"RefusedError", "BusyError"}
        and isinstance(node.args[0], ast.Constant)
    }

    # What the persist gate has no say in without the host: readiness asks it.
    assert codes | {"env-file-foreign"} == set(checklist.GATE_OF)
    assert set(checklist.GATE_OF.values()) == set(checklist.DEPLOY)


def test_an_error_that_met_no_gate_has_no_verdicts() -> None:
    assert DeployctlError("code", "message").verdicts == ()

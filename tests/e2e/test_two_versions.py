"""A host outlives its clients: this version and one of before deploy to the same VPS by turns.

The version of before has no ladder, no guardian, no `abort` and one lock instead of two. It is the
tree `deployctl/` of the commit 423ecc9.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import WORKFLOW, deploy, rollback
from tests.faults.gate import held_back
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import Vps

ARCHIVE = Path(__file__).parents[1] / "versions/before-the-ladder.tar.xz"
A, B, C = GOOD[:3]
OF_A_RUN = {
    **WORKFLOW,
    "GITHUB_WORKFLOW_REF": "example/enforcer/.github/workflows/deploy.yml@refs/heads/main",
    "GITHUB_RUN_NUMBER": "7",
    "GITHUB_RUN_ATTEMPT": "1",
}


@pytest.fixture
def older(ready: Client, tmp_path: Path) -> Client:
    """The same machine with the version of before."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "older", filter="data")
    client = Client(ready.directory, {"PYTHONPATH": str(tmp_path / "older")})
    assert "abort" not in client.run("--help").stdout
    assert "abort" in ready.run("--help").stdout
    return client


def told(client: Client) -> list[tuple[str, str]]:
    """The tag and the outcome of each run, newest first, as a version reads them."""
    ended = client.run("history", "--json")
    assert ended.exit_status == 0, ended.text
    (host,) = ended.json["hosts"]
    assert host["problems"] == []
    return [(run["release"]["tag"], run["outcome"]) for run in host["runs"]]


def state(client: Client) -> Any:
    (row,) = client.run("status", "--json").json["services"]
    return (
        row["state"],
        row["running"]["tag"],
        (row["rollback"] or {}).get("release", {}).get("tag"),
    )


def test_two_versions_deploy_and_roll_back_by_turns(ready: Client, older: Client, vps: Vps) -> None:
    deploy(older, vps, A)
    deploy(ready, vps, B)
    deploy(older, vps, C)
    assert state(ready) == state(older) == ("in sync", C.tag, B.tag)

    rollback(ready, vps, B)
    rollback(older, vps, A)

    went = [(tag, "succeeded") for tag in (A.tag, B.tag, C.tag, B.tag, A.tag)]
    assert told(ready) == told(older) == went
    settle(vps)
    assert assert_sound(vps, ready) == A.tag


def test_each_version_understands_what_the_other_says_of_a_failure(
    ready: Client, older: Client, vps: Vps
) -> None:
    deploy(older, vps, A)
    deploy(ready, vps, B)
    for failing, other in ((ready, older), (older, ready)):
        assert failing.run("deploy", SERVICE, EXITS_AT_ONCE.tag).exit_status == 6
        assert state(other) == state(failing) == ("in sync", B.tag, None)
        refused = other.run("rollback", SERVICE)
        assert (refused.exit_status, "was put back by itself" in refused.stderr) == (3, True)
        assert told(other)[0] == (EXITS_AT_ONCE.tag, "restored")

    # It runs already: this version records that a workflow asked for it.
    workflow = Client(ready.directory, OF_A_RUN)
    assert workflow.run("deploy", SERVICE, B.tag).exit_status == 0
    assert told(older)[0] == (B.tag, "succeeded")
    rollback(older, vps, A)


@pytest.mark.parametrize("first", ["this", thorough("older")])
def test_neither_version_begins_while_the_other_is_at_work(
    ready: Client, older: Client, vps: Vps, first: str
) -> None:
    one, other = (ready, older) if first == "this" else (older, ready)
    deploy(one, vps, A)
    with held_back(vps, one, B.tag) as (running, gate):
        assert state(other)[0] == "deploying"
        refused = other.run("deploy", SERVICE, C.tag)
        aborted = ready.run("abort", SERVICE) if one is older else None
        gate.open()
        ended = running.wait()

    assert ended.exit_status == 0, ended.text
    assert (refused.exit_status, B.tag in refused.stderr) == (5, True)
    assert aborted is None or (aborted.exit_status, "older deployctl" in aborted.stderr) == (
        3,
        True,
    )
    settle(vps)
    assert assert_sound(vps, ready) == B.tag


@pytest.mark.parametrize("first", [thorough("this"), "older"])
def test_each_version_respects_a_hold_of_the_other(
    ready: Client, older: Client, vps: Vps, first: str
) -> None:
    one, other = (ready, older) if first == "this" else (older, ready)
    deploy(one, vps, A)
    assert one.run("hold", SERVICE, "--reason", "ask kim").exit_status == 0

    refused = other.run("deploy", SERVICE, B.tag)

    assert (refused.exit_status, "ask kim" in refused.stderr) == (5, True)
    assert other.run("unhold", SERVICE).exit_status == 0
    deploy(one, vps, B)

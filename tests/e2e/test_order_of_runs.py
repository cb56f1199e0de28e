"""A workflow's older run never overwrites what a newer one has deployed."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended
from tests.e2e.invariants import settle
from tests.e2e.steps import WORKFLOW, deploy, refuse, rollback, told
from tests.vps.catalogue import GOOD, NEVER_HEALTHY
from tests.vps.world import Vps

PIPELINE = "example/enforcer/.github/workflows/deploy.yml"


@pytest.fixture
def person(ready: Client) -> Client:
    """Somebody at a terminal."""
    return ready


def run_of(client: Client, number: int, attempt: int = 1, path: str = PIPELINE) -> Client:
    """The same machine, as a run of the workflow."""
    return Client(
        client.directory,
        WORKFLOW
        | {
            "GITHUB_WORKFLOW_REF": f"{path}@refs/heads/main",
            "GITHUB_RUN_NUMBER": str(number),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            "GITHUB_SHA": 40 * "a",
        },
    )


def assert_older(ended: Ended) -> None:
    assert ended.json["error"]["code"] == "run-older"
    assert f"deployctl rollback {SERVICE}" in ended.json["error"]["hint"]


def test_an_older_run_that_comes_late_is_refused(person: Client, vps: Vps) -> None:
    deploy(run_of(person, 42), vps, GOOD[1])

    for late in (run_of(person, 41), run_of(person, 41, attempt=7)):
        assert_older(refuse(late, vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json"))

    deploy(run_of(person, 42, attempt=2), vps, GOOD[2])
    deploy(run_of(person, 43), vps, GOOD[3])
    line = host.history(vps)[-1]
    assert (line["workflow"], line["run_number"], line["run_attempt"]) == (PIPELINE, 43, 1)
    assert line["commit"] == 40 * "a"


@pytest.mark.thorough
def test_what_a_person_rolled_back_from_is_not_deployed_over_by_an_older_run(
    person: Client, vps: Vps
) -> None:
    deploy(run_of(person, 40), vps, GOOD[0])
    deploy(run_of(person, 42), vps, GOOD[2])
    rollback(person, vps, GOOD[0])
    deploy(person, vps, GOOD[3])

    assert_older(refuse(run_of(person, 41), vps, 3, "deploy", SERVICE, GOOD[1].tag, "--json"))

    deploy(run_of(person, 42, attempt=2), vps, GOOD[2])


@pytest.mark.thorough
def test_another_workflow_and_a_person_have_numbers_of_their_own(person: Client, vps: Vps) -> None:
    deploy(run_of(person, 42), vps, GOOD[0])

    deploy(run_of(person, 3, path="example/other/.github/workflows/deploy.yml"), vps, GOOD[1])
    deploy(person, vps, GOOD[2])


@pytest.mark.thorough
def test_an_older_run_may_mend_what_a_newer_one_could_not_deploy(person: Client, vps: Vps) -> None:
    deploy(run_of(person, 40), vps, GOOD[0])
    failed = run_of(person, 42).run("deploy", SERVICE, NEVER_HEALTHY.tag)
    assert failed.exit_status == 6, failed.text

    deploy(run_of(person, 41), vps, GOOD[1])


@pytest.mark.thorough
def test_an_older_run_that_waited_for_a_newer_one_is_refused_when_that_has_won(
    person: Client, vps: Vps
) -> None:
    deploy(run_of(person, 40), vps, GOOD[0])
    settle(vps)
    newer = run_of(person, 42).start("deploy", SERVICE, GOOD[2].tag)
    with newer:
        host.await_(vps, f"grep -q {GOOD[2].tag} {host.HISTORY}")
        late = run_of(person, 41).run("deploy", SERVICE, GOOD[1].tag, "--wait", "60s", "--json")
        assert newer.wait().exit_status == 0

    assert late.exit_status == 3, late.text
    assert_older(late)
    settle(vps)
    assert vps.served() == GOOD[2].tag
    assert told(vps)[-1] == f"succeeded deploy {GOOD[2].tag}"

"""A deploy of what runs already: that a workflow asked for it is recorded, and nothing is done."""

from __future__ import annotations

import pytest

from deployctl.errors import BusyError, HostError, RefusedError
from deployctl.release.origin import Origin, WorkflowRun
from tests.host.fake_host import AS_ANYBODY, WEB, FakeHost, locked, one_shell, wait_until_tidy
from tests.unit.build import tag


def run_of_workflow(number: int, attempt: int = 1) -> Origin:
    run = WorkflowRun("example/web/.github/workflows/deploy.yml", number, attempt, "")
    return Origin("ci", "github-actions", workflow_run=run)


def test_a_late_older_run_puts_nothing_over_what_a_newer_one_found_running(host: FakeHost) -> None:
    host.deploy(3, origin=run_of_workflow(10))
    wait_until_tidy(host)
    before = host.containers()
    host.forget_calls()

    result = host.deploy(3, origin=run_of_workflow(12))

    assert (result.outcome, host.containers()) == ("unchanged", before)
    line = host.lines()[-1]
    assert host.events()[-2:] == ["succeeded 3", "succeeded 3"]
    assert (line["run_number"], line["unchanged"], line["v"]) == (12, True, 1)
    assert not any(" up " in call or call.startswith("docker pull") for call in all_calls(host))
    with pytest.raises(RefusedError) as late:
        host.deploy(4, origin=run_of_workflow(11))
    assert late.value.code == "run-older"
    assert host.serves() == 3


@one_shell
def test_it_is_recorded_once_and_only_for_a_workflow(host: FakeHost) -> None:
    host.deploy(2)
    host.deploy(2, origin=run_of_workflow(12), dry_run=True)
    assert host.events() == ["started 1", "succeeded 1", "started 2", "succeeded 2"]

    for origin in (run_of_workflow(12), run_of_workflow(12), Origin("kim", "terminal")):
        host.deploy(2, origin=origin)

    assert host.events()[4:] == ["succeeded 2"]


@one_shell
def test_the_configuration_of_what_runs_is_there_for_the_next_failure(host: FakeHost) -> None:
    host.deploy(2, origin=run_of_workflow(12))
    host.configure(labels={"changed": "yes"})
    host.push(3, "unhealthy")

    with pytest.raises(Exception, match="failed"):
        host.deploy(3)

    noted = host.lines()[4]["run"]
    kept = f"{host.state}/releases/{WEB}/{noted}.yml"
    assert [c["made_with"] for c in host.containers()] == [kept]


@one_shell
def test_the_way_back_is_the_same_as_before(host: FakeHost) -> None:
    host.deploy(2, origin=run_of_workflow(12))

    assert host.rollback().release.tag == tag(1)


@one_shell
def test_what_cannot_be_recorded_is_not_said_to_have_succeeded(host: FakeHost) -> None:
    plan = host.plan(2)
    with locked(host, program=AS_ANYBODY), pytest.raises(BusyError):
        host.deploy(2, origin=run_of_workflow(12))
    host.break_at("transact", 1, "record-dead", last=9999)
    with pytest.raises(HostError) as refused:
        host.deploy(2, origin=run_of_workflow(12))

    assert refused.value.code == "cannot-record"
    assert host.plan(2).seen_history == plan.seen_history


def all_calls(host: FakeHost) -> list[str]:
    return [call for phase in ("probe", "fetch", "transact") for call in host.calls(phase)]

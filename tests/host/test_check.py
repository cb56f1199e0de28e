"""What a check asks of a host, with the real scripts."""

from __future__ import annotations

import contextlib

import pytest

from deployctl.compose.check import check
from deployctl.errors import DeployctlError
from deployctl.events import Event
from deployctl.release.check import CheckResult, Severity
from tests.host.fake_host import FakeHost
from tests.host.test_probe import snapshot


def ignore(_: Event) -> None:
    pass


def run(host: FakeHost) -> CheckResult:
    with host.connection() as connection:
        return check(connection, host.service, ignore)


def codes(result: CheckResult) -> set[str]:
    return {finding.code for finding in result.findings} - {"ok"}


def test_a_host_in_good_order_is_ready_in_every_point(host: FakeHost) -> None:
    result = run(host)

    assert result.ready
    assert codes(result) == set()
    assert {f.check for f in result.findings} >= {"registry", "disk", "rollback", "docker"}


def test_a_check_changes_nothing(host: FakeHost, empty: FakeHost) -> None:
    for each in (host, empty):
        before = snapshot(each.root / "opt"), snapshot(each.fake / "tags")
        run(each)
        assert (snapshot(each.root / "opt"), snapshot(each.fake / "tags")) == before


def test_the_registry_is_asked_for_another_tag_each_time(host: FakeHost) -> None:
    host.forget_calls()
    run(host)
    run(host)

    pulls = [call for call in host.calls("fetch") if " pull " in call]
    assert len(set(pulls)) == 2
    assert all("web:deployctl-check-" in call for call in pulls)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fail", "hang"])
def test_a_fault_at_any_call_is_findings_or_an_error(host: FakeHost, kind: str) -> None:
    host.forget_calls()
    run(host)
    host.hurry = 0.3
    calls = {phase: len(host.calls(phase)) for phase in ("probe", "fetch")}
    assert calls["fetch"] >= 5
    for phase, count in calls.items():
        for number in range(1, count + 1):
            host.forget_calls()
            host.break_at(phase, number, kind)
            with contextlib.suppress(DeployctlError):
                run(host)


def test_a_registry_that_hangs_is_down(host: FakeHost) -> None:
    host.hurry = 2.0
    host.forget_calls()
    run(host)
    (pull,) = [n for n, call in enumerate(host.calls("fetch"), 1) if " pull " in call]
    host.forget_calls()
    host.break_at("fetch", pull, "hang")

    assert codes(run(host)) == {"registry-down"}


def test_where_docker_is_down_only_that_is_said(host: FakeHost) -> None:
    host.break_at("probe", 1, "fail", last=99)
    result = run(host)

    assert not result.ready
    assert "docker-down" in codes(result)
    assert Severity.PROBLEM in {f.severity for f in result.findings}

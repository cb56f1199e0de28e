"""What a check finds: each point, what is wrong with it, and the remedy."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from deployctl import errors
from deployctl.compose import points
from deployctl.compose.facts import FetchFailure, HostFacts, Measures
from deployctl.compose.lock import Stranger
from deployctl.compose.points import Subject
from deployctl.compose.project import Configuration
from deployctl.errors import HostError
from deployctl.release.check import CheckFinding, Severity
from deployctl.release.hold import Hold
from deployctl.release.record import STARTED
from deployctl.release.results import UnfinishedRun
from tests.unit import build

GIB = 1024 * 1024  # in KiB
ABSENT = FetchFailure(("manifest for x not found: manifest unknown: manifest unknown",), False)
WELL = Measures(
    docker="26.1.5+dfsg1",
    compose="2.26.1-4",
    largest_image=100_000_000,
    image_kib=10 * GIB,
    state_kib=GIB,
    registry=ABSENT,
)


def subject(found: HostFacts | None = None, skew: float = 0, **measures: Any) -> Subject:
    usual = build.facts(
        build.container(2),
        history=build.successes(1, 2),
        images=(build.image(1), build.image(2)),
    )
    return Subject(
        build.HOST,
        build.SERVICE,
        found or usual,
        dataclasses.replace(WELL, **measures),
        timedelta(seconds=skew),
    )


def changed(**facts: Any) -> Subject:
    usual = subject()
    return dataclasses.replace(usual, facts=dataclasses.replace(usual.facts, **facts))


def keeping(**facts: Any) -> Subject:
    """The same, of a service with persist = true."""
    of = changed(**facts)
    return dataclasses.replace(of, service=dataclasses.replace(of.service, persist=True))


def shared() -> Configuration:
    """A project in which a worker follows the tag, too."""
    usual = build.configuration()
    services = {**usual.services, "worker": usual.services[build.WEB]}
    return dataclasses.replace(usual, services=services)


def wrong(of: Subject) -> list[CheckFinding]:
    found = [f for f in points.findings(of) if f.severity is not Severity.OK]
    assert all(finding.remedy for finding in found)
    return found


def test_a_host_in_good_order_is_well_in_every_point() -> None:
    assert wrong(subject()) == []
    assert wrong(keeping()) == []
    assert {f.check for f in points.findings(keeping())} >= {"persist"}
    assert len(points.findings(subject())) > 15


@pytest.mark.parametrize(
    ("of", "code", "severity", "exit_status"),
    [
        (changed(missing_tools=("flock",)), "tool-missing", "problem", 4),
        (changed(paths=("ok", "missing", "ok")), "path-missing", "problem", 4),
        (changed(containers=None, docker_problem="denied"), "docker-denied", "problem", 4),
        (changed(configuration=None), "compose-invalid", "problem", 4),
        (
            changed(configuration=build.configuration(image="web:latest")),
            "tag-not-used",
            "problem",
            3,
        ),
        (changed(configuration=build.configuration(builds=True)), "build-section", "problem", 3),
        (changed(foreign_files=("x",)), "state-foreign", "problem", 4),
        (subject(open_files=("lock", "holds")), "state-open", "warning", 0),
        (changed(stranger=Stranger("7", "mallory", "'flock'")), "lock-taken", "problem", 5),
        (subject(blocked_by=Stranger()), "lock-taken", "problem", 5),
        (
            subject(registry=FetchFailure((), timed_out=False, places=("full /dev/shm",))),
            "login-no-place",
            "problem",
            3,
        ),
        (
            keeping(env_file_problems=("owner deploy /opt/infra/compose/.env",)),
            "env-file-foreign",
            "problem",
            4,
        ),
        (keeping(configuration=shared()), "tag-shared", "problem", 3),
        (changed(killed_at_logout=True), "killed-at-logout", "problem", 4),
        (changed(holder=UnfinishedRun("r", "sam")), "busy", "problem", 5),
        (changed(hold=Hold("kim", "now", "audit")), "hold", "problem", 5),
        (
            changed(
                history=build.recorded(build.entry(1, 9), build.entry(3, 1), build.entry(4, 2))
            ),
            "history-damaged",
            "warning",
            0,
        ),
        (
            changed(
                history=build.recorded(
                    build.entry(1, 1),
                    build.entry(2, 2),
                    build.entry(3, 3, STARTED, service="other"),
                )
            ),
            "run-interrupted",
            "warning",
            0,
        ),
        (changed(history=build.successes(2)), "rollback-none", "warning", 0),
        (changed(images=(build.image(2),)), "rollback-image-missing", "warning", 0),
        (subject(skew=31), "clock-skew", "warning", 0),
        (subject(skew=-3600), "clock-skew", "warning", 0),
        (subject(docker="20.10.24"), "docker-untested", "warning", 0),
        (subject(compose="v2.5.0"), "compose-untested", "warning", 0),
        (subject(image_kib=GIB - 1), "disk-low", "warning", 0),
        (subject(image_kib=3 * GIB, largest_image=2 * 1024**3), "disk-low", "warning", 0),
        (subject(state_kib=29 * 1024), "disk-low", "warning", 0),
        (subject(state_kib=1000), "disk-full", "problem", 4),
        (subject(state_kib=0, reserve=65536), "disk-full", "problem", 4),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_has_a_code_a_severity_and_a_remedy(
    of: Subject, code: str, severity: str, exit_status: int
) -> None:
    (finding,) = wrong(of)

    assert (finding.code, finding.severity, finding.exit_status) == (code, severity, exit_status)


def test_what_a_recreate_left_over_can_be_removed_with_the_command_that_is_shown() -> None:
    left_over = build.container(
        3, id="c3" * 32, status="created", started_at="0001-01-01T00:00:00Z", replaces=True
    )

    (finding,) = wrong(changed(containers=(build.container(2), left_over)))

    assert (finding.check, finding.code) == ("containers", "left-over")
    assert finding.remedy.endswith(f"docker rm {'c3' * 32}")
    (forged,) = wrong(changed(containers=(dataclasses.replace(left_over, id="--all"),)))
    assert "docker rm" not in forged.remedy


@pytest.mark.parametrize(("start_period", "code"), [(60.5, "health-timeout-short"), (60.0, "ok")])
def test_a_health_timeout_that_ends_before_the_start_period_is_a_mistake(
    start_period: float, code: str
) -> None:
    of = changed(configuration=build.configuration(start_period=start_period))

    (finding,) = (f for f in points.findings(of) if f.check == "health")
    assert finding.code == code
    assert not [f for f in points.findings(changed()) if f.check == "health"]


def test_an_interrupted_run_that_left_its_service_down_says_so() -> None:
    history = build.recorded(build.entry(1, 2), build.entry(2, 3, STARTED))

    (down, *_) = wrong(changed(history=history, containers=(build.container(2, status="exited"),)))
    (up, *_) = wrong(changed(history=history))

    assert (down.code, up.code) == ("run-interrupted", "run-interrupted")
    assert down.message == f"{up.message}; web is down"


def test_a_service_whose_containers_are_not_known_is_not_said_to_be_down() -> None:
    history = build.recorded(build.entry(1, 2), build.entry(2, 3, STARTED))
    elsewhere = build.container(2, working_directory="/srv/link", project="other")
    unknown = changed(history=history, containers=(elsewhere,), configuration=None)
    unasked = changed(history=history, containers=None, docker_problem="denied")

    for of in (unknown, unasked):
        (interrupted,) = (f for f in wrong(of) if f.code == "run-interrupted")
        assert "is down" not in interrupted.message


def test_a_full_disk_says_whether_a_rollback_has_its_reserve_and_how_to_make_room() -> None:
    (kept,), (used,) = (wrong(subject(state_kib=0, reserve=size)) for size in (65536, 0))

    assert "but for a reserve of 64 KiB" in kept.message
    assert "no reserve left" in used.message
    assert "Never docker image prune -a" in kept.remedy


def test_everything_that_is_wrong_is_found_at_once() -> None:
    found = wrong(
        changed(
            missing_tools=("flock",),
            paths=("ok", "missing", "unreadable"),
            hold=Hold("kim", "now", "audit"),
            holder=UnfinishedRun("r", "sam"),
        )
    )

    assert [finding.code for finding in found] == [
        *("tool-missing", "path-missing", "path-unreadable", "busy", "hold")
    ]


def test_nothing_is_said_of_what_could_not_be_looked_at() -> None:
    blind = changed(examined=False, paths=("missing", "missing", "missing"), containers=())
    deaf = changed(containers=None, docker_problem="missing")

    assert {f.check for f in points.findings(blind)} == {
        *("connection", "host-key", "clock", "tools", "files")
    }
    assert not {"image", "dependencies", "registry", "rollback", "disk"} & {
        f.check for f in points.findings(deaf)
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("manifest for localhost:5000/web:x not found: manifest unknown: manifest unknown", "ok"),
        ("failed to resolve reference registry.example/web:x: not found", "ok"),
        ("name unknown: repository name not known to registry", "ok"),
        ('Head "https://r/v2/web/manifests/x": no basic auth credentials', "registry-denied"),
        ("unauthorized: authentication required", "registry-denied"),
        ("denied: requested access to the resource is denied", "registry-denied"),
        (
            "pull access denied for web, repository does not exist or may require 'docker login'",
            "registry-denied",
        ),
        ("unexpected status from HEAD request to https://r: 401 Unauthorized", "registry-denied"),
        (
            'Get "https://r/v2/": dial tcp 10.0.0.1:443: connect: connection refused',
            "registry-down",
        ),
        ("dial tcp: lookup r.example on 10.0.0.1:53: no such host", "registry-down"),
        ("received unexpected HTTP status: 500 Internal Server Error", "registry-down"),
        ("toomanyrequests: You have reached your pull rate limit", "registry-down"),
        ("", "registry-down"),
    ],
)
def test_a_registrys_answer_to_a_tag_that_nobody_has_pushed(words: str, code: str) -> None:
    asked = subject(registry=FetchFailure((words,), timed_out=False))
    (finding,) = [f for f in points.findings(asked) if f.check == "registry"]

    assert finding.code == code
    assert finding.exit_status == (0 if code == "ok" else errors.EXIT_REFUSED)


def test_a_registry_that_does_not_answer_in_time_is_down() -> None:
    (finding,) = wrong(subject(registry=FetchFailure((), timed_out=True)))

    assert finding.code == "registry-down"


def test_the_registry_is_asked_for_a_tag_that_no_commit_has() -> None:
    assert str(points.unpushed_image(subject(), "0f")) == f"{build.REPOSITORY}:deployctl-check-0f"
    for unknown in (
        changed(configuration=None),
        changed(containers=None),
        changed(configuration=build.configuration(image="web:1")),
    ):
        assert points.unpushed_image(unknown, "0f") is None


@pytest.mark.parametrize(
    ("before", "host", "after", "skew"),
    [
        (0.0, 0, 1.0, 0),  # the host counts whole seconds
        (0.9, 0, 1.1, 0),
        (0.0, 5, 6.0, 0),  # at any time while it was asked
        (0.0, 40, 6.0, 34),
        (100.0, 40, 106.0, -59),
    ],
)
def test_the_skew_is_what_no_slow_answer_explains(
    before: float, host: int, after: float, skew: float
) -> None:
    def at(seconds: float) -> Any:
        return build.NOW + timedelta(seconds=seconds)

    assert points.skew(at(before), at(host), at(after)) in {
        timedelta(seconds=skew),
        -timedelta(seconds=-skew),
    }


def test_a_host_that_cannot_be_asked_is_one_finding() -> None:
    (down,) = points.unreachable(HostError("connect-timeout", "no answer", hint="is it up?"))
    (other,) = points.unreachable(HostError("host-key-mismatch", "another key", hint="compare"))

    assert (down.check, down.code, down.remedy) == ("connection", "connect-timeout", "is it up?")
    assert (other.check, other.exit_status) == ("host-key", errors.EXIT_UNREACHABLE)

"""What a run removes afterwards, and what stays."""

from __future__ import annotations

import dataclasses
import os
import time

import pytest

from tests.host.fake_host import (
    REPOSITORY,
    WEB,
    FakeHost,
    one_shell,
    wait_until_tidy,
)
from tests.unit.build import image_id, tag


@one_shell
@pytest.mark.slow
def test_old_images_go_and_those_that_a_rollback_needs_stay(host: FakeHost) -> None:
    others = ["deployctl/infra/worker", "deployctl/staging/web", "deployctl/web"]
    for name in others:
        host.write(f"tags/{name}:sha-aaaaaaa", image_id(1))
    for number in (3, 4, 5):
        host.deploy(number)
        wait_until_tidy(host)

    assert host.kept() == [tag(3), tag(4), tag(5)]
    assert (host.tagged(1), host.tagged(2)) == (None, None)
    assert all((host.fake / f"tags/{name}:sha-aaaaaaa").exists() for name in others)
    assert host.rollback().release.tag == tag(4)


@one_shell
@pytest.mark.slow
def test_all_images_stay_where_the_inventory_says_so(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, keep=0)
    for number in (3, 4, 5):
        host.deploy(number)

    wait_until_tidy(host)
    assert len(host.kept()) == 5


@one_shell
@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        f"deployctl/other:{tag(1)}",
        f"deployctl/infra/other:{tag(1)}",
        f"deployctl/staging/web:{tag(1)}",
        f"deployctl/staging/web:{tag(1)}-fetched-7",
    ],
)
def test_a_name_that_another_service_or_container_uses_stays(host: FakeHost, other: str) -> None:
    host.write(f"tags/{other}", image_id(1))
    by_hand = f"hand lab {image_id(2)} {REPOSITORY}:{tag(2)} running 0 none 1 /by-hand up"
    host.write(f"containers/{99:064x}", by_hand)

    for number in (3, 4, 5, 6):
        host.deploy(number)
        wait_until_tidy(host)

    assert host.kept() == [tag(4), tag(5), tag(6)]
    assert (host.tagged(1), host.tagged(2), host.tagged(3)) == (1, 2, None)


@one_shell
def test_a_bounded_number_of_runs_and_configurations_stays(host: FakeHost) -> None:
    for number in range(30):
        (host.state / "runs" / f"2024010{number % 10}t000000z-{number:08x}").mkdir()

    host.deploy(3)
    wait_until_tidy(host)

    assert len(list((host.state / "runs").iterdir())) == 20
    assert len(list((host.state / "releases" / WEB).iterdir())) == 2


@one_shell
def test_no_clock_decides_which_configurations_stay(host: FakeHost) -> None:
    kept = host.state / "releases" / WEB
    runs = [line["run"] for line in host.lines() if line["event"] == "succeeded"]
    os.utime(kept / f"{runs[1]}.yml", (0, 0))  # a clock that was put right since

    host.deploy(3)
    wait_until_tidy(host)

    newest = host.lines()[-1]["run"]
    assert {path.stem for path in kept.iterdir()} == {runs[1], newest}


@one_shell
def test_the_directory_of_a_run_that_ends_stays_whatever_the_time(host: FakeHost) -> None:
    later = time.time() + 3600
    for number in range(30):
        made = host.state / "runs" / f"2024010{number % 10}t000000z-{number:08x}"
        made.mkdir()
        os.utime(made, (later, later))

    host.deploy(3)
    wait_until_tidy(host)

    assert (host.state / "runs" / host.lines()[-1]["run"] / "outcome").exists()


@one_shell
def test_secrets_in_the_configuration_are_readable_by_nobody_else(host: FakeHost) -> None:
    kept = list((host.state / "releases" / WEB).iterdir())

    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
    assert (host.state / "runs").stat().st_mode & 0o077 == 0

"""What fetch.sh does to a host's images, and what it leaves alone."""

from __future__ import annotations

import pytest

from deployctl.compose.facts import FetchedImage, FetchFailure
from deployctl.errors import DeployctlError, HostError, RefusedError
from tests.host.fake_host import REPOSITORY, FakeHost
from tests.unit.build import digest, image_id, tag


def test_an_image_that_was_fetched_is_described_and_kept(host: FakeHost) -> None:
    fetched = host.fetch(3)

    assert fetched == FetchedImage(image_id(3), digest(3), (digest(3),), "0000003")
    assert "fetched" in host.kept()
    assert host.serves() == 2


def test_a_tag_that_is_not_in_the_registry_is_a_failure_with_dockers_words(host: FakeHost) -> None:
    fetched = host.fetch(9)

    assert isinstance(fetched, FetchFailure)
    assert "not found" in fetched.words[-1]
    assert not fetched.timed_out


def test_a_tag_that_the_pull_moves_is_put_back(host: FakeHost) -> None:
    host.push(2, content=8)

    fetched = host.fetch(2)

    assert isinstance(fetched, FetchedImage)
    assert fetched.image_id == image_id(8)
    assert host.tagged(2) == 2


def test_a_moved_tag_is_refused_and_leaves_nothing_behind_that_runs(host: FakeHost) -> None:
    host.deploy(3)
    host.push(2, content=8)

    with pytest.raises(RefusedError, match="has moved"):
        host.deploy(2)

    assert host.serves() == 3
    assert host.tagged(2) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fail", "hang"])
def test_a_fault_at_any_call_of_the_fetch_leaves_the_host_as_it_was(
    host: FakeHost, kind: str
) -> None:
    host.push(2, content=8)
    host.fetch(2)
    host.hurry = 0.3
    calls = len(host.calls("fetch"))
    assert calls >= 5
    for number in range(1, calls + 1):
        host.forget_calls()
        host.break_at("fetch", number, kind)
        try:
            fetched = host.fetch(2)
        except HostError:
            continue
        assert isinstance(fetched, FetchedImage | FetchFailure)
        assert host.serves() == 2
        host.mend()
        host.write(f"tags/{REPOSITORY}:{tag(2)}", image_id(2))


def test_a_registry_that_hangs_is_a_failure_in_time(host: FakeHost) -> None:
    host.hurry = 2.0
    host.break_at("fetch", 2, "hang")

    fetched = host.fetch(3)

    assert isinstance(fetched, FetchFailure)
    assert fetched.timed_out


def test_nothing_is_deployed_when_the_registry_is_down(host: FakeHost) -> None:
    host.break_at("fetch", 2, "fail")

    with pytest.raises(DeployctlError) as caught:
        host.deploy(3)

    assert caught.value.code == "not-fetched"
    assert host.events()[-1] == "succeeded 2"

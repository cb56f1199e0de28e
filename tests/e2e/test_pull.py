"""What a real Docker says while it pulls."""

from __future__ import annotations

from functools import reduce

from deployctl.compose.facts import FetchedImage
from deployctl.compose.host.fetch import Pull, Stage, fetch_command, read_fetch
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import KEPT
from tests.faults.gate import Gate
from tests.vps.catalogue import BACKEND, GOOD
from tests.vps.world import REGISTRY, Vps


def test_dockers_own_words_tell_how_far_a_pull_is(vps: Vps) -> None:
    command = fetch_command(GOOD[0].image, f"{KEPT}:fetched")

    first, again = (vps.run(command.as_shell(), user="deploy").stdout.encode() for _ in range(2))

    pull = reduce(Pull.with_line, first.splitlines(), Pull())
    assert [pull.count(stage) for stage in Stage] == [2, 2, 2]
    assert b'"Pulling fs layer"' in first
    assert reduce(Pull.with_line, again.splitlines(), Pull()) == Pull()
    for said in (first, again):
        fetched = read_fetch(said, f"{REGISTRY}/{BACKEND}")
        assert isinstance(fetched, FetchedImage)
        assert fetched.digest == vps.digest(GOOD[0].tag)


def test_an_image_that_is_removed_before_it_has_our_name_is_pulled_again(
    ready: Client, vps: Vps
) -> None:
    gate = Gate(vps)
    gate.install()
    gate.close("before", "docker tag sha256:* deployctl/*")

    with ready.start("deploy", SERVICE, GOOD[0].tag) as running:
        gate.await_reached()
        vps.run(f"docker image rm {GOOD[0].image}")  # as a run of another project does
        gate.open()
        ended = running.wait()

    assert ended.exit_status == 0, ended.text
    assert vps.served() == GOOD[0].tag

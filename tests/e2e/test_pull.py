"""What a real Docker says while it pulls."""

from __future__ import annotations

from functools import reduce

from deployctl.compose.facts import FetchedImage
from deployctl.compose.host.fetch import Pull, Stage, fetch_command, read_fetch
from tests.vps.catalogue import BACKEND, GOOD
from tests.vps.world import REGISTRY, Vps


def test_dockers_own_words_tell_how_far_a_pull_is(vps: Vps) -> None:
    command = fetch_command(BACKEND, GOOD[0].image, GOOD[0].tag)

    first, again = (vps.run(command.as_shell(), user="deploy").stdout.encode() for _ in range(2))

    pull = reduce(Pull.with_line, first.splitlines(), Pull())
    assert [pull.count(stage) for stage in Stage] == [2, 2, 2]
    assert b'"Pulling fs layer"' in first
    assert reduce(Pull.with_line, again.splitlines(), Pull()) == Pull()
    for said in (first, again):
        fetched = read_fetch(said, f"{REGISTRY}/{BACKEND}")
        assert isinstance(fetched, FetchedImage)
        assert fetched.digest == vps.digest(GOOD[0].tag)

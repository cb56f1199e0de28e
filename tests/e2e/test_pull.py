"""What a real Docker says while it pulls."""

from __future__ import annotations

from functools import reduce

from deployctl import scripts
from deployctl.facts import FetchedImage, read_fetch
from deployctl.pulling import Pull, Stage, hear
from tests.vps.catalogue import BACKEND, GOOD
from tests.vps.world import REGISTRY, Vps


def test_dockers_own_words_tell_how_far_a_pull_is(vps: Vps) -> None:
    command = scripts.fetch_command(BACKEND, GOOD[0].image, GOOD[0].tag)

    first, again = (vps.run(command.as_shell(), user="deploy").stdout.encode() for _ in range(2))

    pull = reduce(hear, first.splitlines(), Pull())
    assert [pull.count(stage) for stage in Stage] == [2, 2, 2]
    assert b'"Pulling fs layer"' in first
    assert reduce(hear, again.splitlines(), Pull()) == Pull()
    for said in (first, again):
        fetched = read_fetch(said, f"{REGISTRY}/{BACKEND}")
        assert isinstance(fetched, FetchedImage)
        assert fetched.digest == vps.digest(GOOD[0].tag)

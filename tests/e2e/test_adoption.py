"""A host whose service was started by hand, before deployctl came."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import container_ids, deploy, refuse, told
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import Vps


def test_the_first_deploy_of_what_runs_already_records_it(ready: Client, vps: Vps) -> None:
    vps.up(GOOD[0].tag)

    deploy(ready, vps, GOOD[0])

    settle(vps)
    assert_sound(vps, ready)
    assert told(vps)[-1] == f"succeeded deploy {GOOD[0].tag}"
    # Now it is known, and the next one has nothing to do.
    before = container_ids(vps)
    deploy(ready, vps, GOOD[0])
    assert container_ids(vps) == before


def test_the_first_deploy_of_another_release_records_what_ran_but_not_as_a_way_back(
    ready: Client, vps: Vps
) -> None:
    vps.up(GOOD[0].tag)

    ended = deploy(ready, vps, GOOD[1])

    assert f"(was {GOOD[0].tag})" in ended.stdout
    assert host.history(vps)[-1]["previous"]["tag"] == GOOD[0].tag
    settle(vps)
    refuse(ready, vps, 3, "rollback", SERVICE)
    # It never succeeded here, as far as anybody knows.
    refuse(ready, vps, 3, "rollback", SERVICE, GOOD[0].tag)


@pytest.mark.parametrize("tag", [GOOD[0].tag, thorough("latest")])
def test_a_first_deploy_that_fails_puts_back_what_was_started_by_hand(
    ready: Client, vps: Vps, tag: str
) -> None:
    if tag == "latest":
        vps.push(tag, text=tag)
    vps.up(tag)

    ended = ready.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 6, ended.text
    assert vps.served() == tag
    assert vps.db_counter() == 1
    (container,) = host.containers(vps)
    assert container["State"]["Health"]["Status"] == "healthy"
    restored = host.history(vps)[-1]
    assert (restored["event"], restored["previous"]["tag"]) == ("restored", tag)

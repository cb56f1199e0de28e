"""The connection is lost: the client connects again, or ends and says how to follow the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.impatient import ImpatientClient
from tests.e2e.interruption import (
    HEALTH,
    PULL,
    RESTORE,
    UP,
    Point,
    prepare,
    reached,
    write_inventory,
)
from tests.e2e.invariants import assert_ready_for_more, assert_sound, settle
from tests.faults.gate import Gate
from tests.thorough import thorough
from tests.vps.catalogue import GOOD
from tests.vps.proxy import DelayingProxy
from tests.vps.world import Vps

NEXT = GOOD[4].tag
NEVER_BEGUN = "20250101t000000z-0badf00d"


@pytest.fixture
def proxy(vps: Vps) -> Iterator[DelayingProxy]:
    with DelayingProxy(vps.host, vps.port) as running:
        yield running


@pytest.fixture
def remote(tmp_path: Path, vps: Vps, proxy: DelayingProxy) -> Client:
    """A client behind the proxy."""
    directory = tmp_path / "remote"
    directory.mkdir()
    made = ImpatientClient(directory)
    write_inventory(made, vps, addresses={"vps": (proxy.host, proxy.port)})
    return made


@pytest.mark.parametrize(
    "point", [HEALTH, *map(thorough, (UP, RESTORE))], ids=lambda point: point.name
)
def test_a_client_that_is_cut_off_connects_again_and_reports_the_outcome(
    client: Client, remote: Client, vps: Vps, proxy: DelayingProxy, point: Point
) -> None:
    prepare(vps, client, point)

    # A patient one: it takes no stall of a busy machine for a second loss.
    with reached(vps, Client(remote.directory), point) as running:
        proxy.cut()
        ended = running.wait()

    assert ended.exit_status == point.exit_status, ended.text
    assert "connecting again" in ended.stderr
    assert proxy.traffic.connections == 2
    settle(vps)
    assert assert_sound(vps, client) == point.serves


@pytest.mark.parametrize(
    "point", [UP, *map(thorough, (HEALTH, RESTORE))], ids=lambda point: point.name
)
def test_a_client_whose_packets_vanish_connects_again_and_reports_the_outcome(
    client: Client, remote: Client, vps: Vps, proxy: DelayingProxy, point: Point
) -> None:
    prepare(vps, client, point)

    with reached(vps, remote, point) as running:
        proxy.blackhole()
        _await(lambda: proxy.traffic.connections >= 2)
        proxy.heal()
        ended = running.wait()

    assert ended.exit_status == point.exit_status, ended.text
    assert "connecting again" in ended.stderr
    settle(vps)
    assert assert_sound(vps, client) == point.serves


@pytest.mark.thorough
def test_a_dead_link_is_noticed_with_the_time_limits_that_users_have(
    client: Client, vps: Vps, tmp_path: Path
) -> None:
    """The packets of one link are dropped, not those of the client that comes after it."""
    prepare(vps, client, UP)
    directory = tmp_path / "direct"
    directory.mkdir()
    direct = Client(directory)
    write_inventory(direct, vps, addresses={"vps": (vps.ip, 22)})

    with reached(vps, direct, UP) as running:
        peer = vps.run("ss -Htn state established '( sport = :22 )'").stdout.split()[-1]
        port = peer.rpartition(":")[2]
        vps.run(
            f"iptables -I INPUT -p tcp --sport {port} --dport 22 -j DROP;"
            f" iptables -I OUTPUT -p tcp --sport 22 --dport {port} -j DROP"
        )
        ended = running.wait(timeout=40)

    assert ended.exit_status == 0, ended.text
    assert "connecting again" in ended.stderr
    assert assert_sound(vps, client) == UP.serves


@pytest.mark.parametrize("way", ["cut", thorough("blackhole")])
def test_a_connection_lost_before_the_transaction_ends_the_client_and_changes_nothing(
    client: Client, remote: Client, vps: Vps, proxy: DelayingProxy, way: str
) -> None:
    prepare(vps, client, PULL)

    with reached(vps, remote, PULL) as running:
        getattr(proxy, way)()
        ended = running.wait(timeout=30)
        proxy.close()

    assert ended.exit_status == 4, ended.text
    assert "nothing on the host was changed" in ended.stderr
    settle(vps)
    assert assert_sound(vps, client) == PULL.before
    assert [line["tag"] for line in host.history(vps)] == [PULL.before] * 2
    assert_ready_for_more(vps, client, NEXT)


def test_a_client_that_is_refused_from_now_on_says_how_to_follow_the_run_that_goes_on(
    client: Client, remote: Client, vps: Vps, proxy: DelayingProxy
) -> None:
    prepare(vps, client, UP)

    with reached(vps, remote, UP) as running:
        proxy.close()
        ended = running.wait(timeout=60)

    assert ended.exit_status == 8, ended.text
    run = host.run_named_in(ended.stderr)
    assert client.run("follow", "vps", run).exit_status == UP.exit_status
    settle(vps)
    assert host.history(vps)[-1]["run"] == run
    assert assert_sound(vps, client) == UP.serves
    assert_ready_for_more(vps, client, NEXT)


@pytest.mark.thorough
def test_clients_whose_packets_vanish_for_good_say_how_to_follow_the_run_that_goes_on(
    client: Client, remote: Client, vps: Vps, proxy: DelayingProxy
) -> None:
    """The one that began the run, and one that only follows it."""
    prepare(vps, client, HEALTH)
    gate = Gate(vps)
    gate.install()
    gate.close("before", "docker logs *")

    with reached(vps, remote, HEALTH) as running:
        run = host.unfinished_run(vps)
        with remote.start("follow", "vps", run) as follower:
            host.await_(vps, "pgrep -u deploy -f 'follow --state' >/dev/null")
            proxy.blackhole()
            ended, followed = running.wait(timeout=60), follower.wait(timeout=60)
    gate.open()
    proxy.close()

    assert (ended.exit_status, followed.exit_status) == (8, 8), ended.text + followed.text
    assert host.run_named_in(ended.stderr) == host.run_named_in(followed.stderr) == run
    assert client.run("follow", "vps", run).exit_status == HEALTH.exit_status
    settle(vps)
    assert host.history(vps)[-1]["run"] == run
    assert assert_sound(vps, client) == HEALTH.serves


def test_following_a_run_that_the_host_does_not_know_says_so(ready: Client, vps: Vps) -> None:
    nothing_yet = ready.run("follow", "vps", NEVER_BEGUN)
    assert ready.run("deploy", SERVICE, GOOD[0].tag).exit_status == 0
    unknown = ready.run("follow", "vps", NEVER_BEGUN)

    for ended in (nothing_yet, unknown):
        assert ended.exit_status == 4, ended.text
        assert NEVER_BEGUN in ended.stderr
        assert "knows no run" in ended.stderr
    # Asking left nothing behind: the name could still be claimed.
    assert NEVER_BEGUN not in vps.run(f"ls {host.STATE}/runs").stdout


def _await(condition: Callable[[], bool], seconds: float = 30) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)

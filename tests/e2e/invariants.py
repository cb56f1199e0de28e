"""What must hold after any fault, once all that was started has ended by itself.

settle(vps)                      # nothing is left running, and no lock is held
runs = assert_sound(vps, client) # the record, docker, HTTP and status agree
assert_ready_for_more(vps, client, GOOD[5].tag)
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.host import Line
from tests.vps.world import Vps

OUTCOMES = frozenset({"succeeded", "restored", "broken", "interrupted"})


def settle(vps: Vps) -> None:
    """Wait until every process that deployctl started is gone, and with it the lock."""
    host.await_quiet(vps)
    assert_unlocked(vps)


def assert_unlocked(vps: Vps) -> None:
    held = vps.run(f"[ ! -e {host.LOCK} ] || flock -n {host.LOCK} true", check=False)
    assert held.returncode == 0, f"the lock is held: {vps.read(host.LOCK)}"


def assert_sound(vps: Vps, client: Client, *, db_starts: int = 1) -> str:
    """Assert that the last run put the host in order, and that everything agrees on how.

    Args:
        vps: on which nothing goes on any more.
        client: whose inventory names it, without faults between.
        db_starts: how often the database has started; 1: it was left alone.

    Returns:
        The tag that runs.
    """
    lines = host.history(vps)
    assert_complete(lines)
    release = resulting_release(lines)
    (container,) = host.containers(vps)
    assert container["Name"] == f"/compose-{SERVICE}-1"
    assert container["Image"] == release["image_id"]
    assert container["State"]["Health"]["Status"] == "healthy"
    tag = release["tag"]
    assert isinstance(tag, str)
    assert vps.served() == tag
    assert vps.db_counter() == db_starts
    _assert_status_agrees(client, container, tag)
    return tag


def assert_complete(lines: Sequence[Line]) -> None:
    """Assert that the numbering is unbroken, and that every run started once and ended once."""
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    started: set[str] = set()
    ended: set[str] = set()
    for line in lines:
        if line["event"] == "started":
            assert line["run"] not in started, f"started twice: {line}"
            started.add(line["run"])
        else:
            assert line["event"] in OUTCOMES, line
            assert line["run"] in started, f"ended without a start: {line}"
            assert line["run"] not in ended, f"ended twice: {line}"
            ended.add(line["run"])
    assert started == ended, f"without an outcome: {started - ended}"


def resulting_release(lines: Sequence[Line]) -> Line:
    """The release that the last run left, as its `tag` and `image_id`."""
    last = lines[-1]
    assert last["event"] in {"succeeded", "restored"}, last
    release: Line = last if last["event"] == "succeeded" else last["previous"]
    good = {line["tag"] for line in lines if line["event"] == "succeeded"}
    assert release["tag"] in good, f"{release['tag']} never succeeded"
    return release


def assert_ready_for_more(vps: Vps, client: Client, tag: str, *, db_starts: int = 1) -> None:
    """Assert that a plain deploy of a good tag works, without anything being cleaned up."""
    ended = client.run("deploy", SERVICE, tag)
    assert ended.exit_status == 0, ended.text
    settle(vps)
    assert assert_sound(vps, client, db_starts=db_starts) == tag


def _assert_status_agrees(client: Client, container: Line, tag: str) -> None:
    status = client.run("status", SERVICE, "--json", "--check")
    (row,) = status.json["services"]
    assert row["state"] == "in sync", row
    assert row["running"]["tag"] == tag
    assert row["running"]["image_id"] == container["Image"]
    assert [each["id"] for each in row["containers"]] == [container["Id"]]
    assert status.exit_status == 0

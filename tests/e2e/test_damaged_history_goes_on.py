"""Commands that write into a damaged history: nothing is glued to it, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.e2e.steps import deploy, rollback, status
from tests.thorough import thorough
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps


@pytest.mark.parametrize(
    ("cut", "told", "numbers"),
    [
        pytest.param(
            40,
            [("interrupted", 1), ("started", 2), ("succeeded", 2)],
            [4, 5, 6],
            id="torn in the last line",
        ),
        thorough(1, [("started", 2), ("succeeded", 2)], [5, 6], name="last newline missing"),
    ],
)
def test_a_deploy_begins_a_new_line_behind_a_torn_one(
    deployed: Client, vps: Vps, cut: int, told: list[tuple[str, int]], numbers: list[int]
) -> None:
    deploy(deployed, vps, GOOD[1])
    settle(vps)
    torn = vps.read(host.HISTORY)[:-cut]
    vps.write(host.HISTORY, torn)

    deploy(deployed, vps, GOOD[2])

    text = vps.read(host.HISTORY)
    assert text.startswith(f"{torn}\n")
    assert text.endswith("\n")
    new = [json.loads(line) for line in text.removeprefix(f"{torn}\n").splitlines()]
    assert [(line["event"], line["tag"]) for line in new] == [
        (event, GOOD[number].tag) for event, number in told
    ]
    assert [line["seq"] for line in new] == numbers


@pytest.mark.thorough
def test_a_rollback_works_behind_a_torn_line(deployed: Client, vps: Vps) -> None:
    deploy(deployed, vps, GOOD[1])
    settle(vps)
    torn = vps.read(host.HISTORY)[:-40]
    vps.write(host.HISTORY, torn)

    # What runs has no readable success, so the way back is the last one that has.
    rollback(deployed, vps, GOOD[0])

    settle(vps)
    row = status(deployed, "--check")
    assert (row["state"], row["running"]["tag"]) == ("in sync", GOOD[0].tag)
    assert any("line" in note for note in row["notes"])


@pytest.mark.parametrize("damage", ["missing", *map(thorough, ("empty", "CRLF"))])
def test_a_deploy_goes_on_with_what_is_left(deployed: Client, vps: Vps, damage: str) -> None:
    settle(vps)
    text = vps.read(host.HISTORY)
    vps.write(host.HISTORY, text.replace("\n", "\r\n") if damage == "CRLF" else "")
    if damage == "missing":
        vps.run(f"rm {host.HISTORY}")

    ended = deploy(deployed, vps, GOOD[1])

    settle(vps)
    lines = host.history(vps)
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["previous"]["tag"] == GOOD[0].tag
    assert status(deployed, "--check")["state"] == "in sync"
    assert "bug" not in ended.text
    again = deployed.run("rollback", SERVICE, "--dry-run", "--json")
    assert again.exit_status == (0 if damage == "CRLF" else 3)

"""The host loses its power in a recreate: what is said of it is true, and one command mends it."""

from __future__ import annotations

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended
from tests.e2e.impatient import ImpatientClient
from tests.e2e.interruption import UP, prepare, reached
from tests.e2e.invariants import assert_ready_for_more, assert_sound, settle
from tests.e2e.steps import status
from tests.thorough import thorough
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps

DB_STARTS = 2  # with the machine


def _lose_power(client: Client, vps: Vps) -> Ended:
    """Cut the power while the new container is made and the old one is being stopped."""
    prepare(vps, client, UP, grace="30s")
    with reached(vps, ImpatientClient(client.directory), UP) as running:
        host.await_(vps, '[ -n "$(docker ps -q --filter status=created)" ]')
        vps.power_off()
        ended = running.wait()
    vps.power_on()
    return ended


@pytest.mark.parametrize("mended_by", ["rollback", thorough("deploy", name="deploy")])
def test_a_service_that_a_power_cut_left_down_is_said_to_be_and_one_command_brings_it_back(
    client: Client, vps: Vps, mended_by: str
) -> None:
    ended = _lose_power(client, vps)

    assert ended.exit_status == 8, ended.text
    assert "if the host is up, the run ends by itself" in ended.stderr
    assert "goes on" not in ended.stderr
    assert vps.served() is None
    row = status(client)
    assert row["state"] == "interrupted"
    assert [container["status"] for container in row["containers"]] == ["exited"]
    assert any("the service is down" in note for note in row["notes"])
    assert any("left over" in note for note in row["notes"])
    found = client.run("check", "--json").json["services"][0]["findings"]
    assert {"run-interrupted", "left-over"} <= {finding["code"] for finding in found}
    command = f"deployctl rollback {SERVICE} {UP.before}"
    assert command in client.run("status").stdout

    if mended_by == "rollback":
        back = client.run(*command.split()[1:])
        assert back.exit_status == 0, back.text
        settle(vps)
        assert assert_sound(vps, client, db_starts=DB_STARTS) == UP.before
    else:
        assert_ready_for_more(vps, client, GOOD[4].tag, db_starts=DB_STARTS)

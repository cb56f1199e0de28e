"""One service on several hosts: changes go through them in order, questions ask all at once."""

from __future__ import annotations

import socket

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import container_ids, deploy, told
from tests.vps import engine
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import Vps


@pytest.fixture
def both(client: Client, vps: Vps, second_vps: Vps) -> Client:
    """A client whose service is on two hosts, `first` and `second`."""
    client.write_inventory({"first": vps, "second": second_vps})
    return client


def test_a_deploy_and_a_rollback_go_through_the_hosts_in_order(
    both: Client, vps: Vps, second_vps: Vps
) -> None:
    for release in GOOD[:2]:
        ended = both.run("deploy", SERVICE, release.tag, "--json")

        assert ended.exit_status == 0, ended.text
        assert [on["host"] for on in ended.json["hosts"]] == ["first", "second"]
        assert (vps.served(), second_vps.served()) == (release.tag, release.tag)
    first, second = host.history(vps)[-1], host.history(second_vps)[-2]
    assert (first["event"], second["event"]) == ("succeeded", "started")
    assert first["at"] <= second["at"]

    ended = both.run("rollback", SERVICE)

    assert ended.exit_status == 0, ended.text
    assert (vps.served(), second_vps.served()) == (GOOD[0].tag, GOOD[0].tag)
    assert [line.split(":")[0] for line in ended.stdout.splitlines() if line[0] != " "] == [
        "first",
        "second",
    ]
    assert (vps.db_counter(), second_vps.db_counter()) == (1, 1)


def test_a_failure_stops_the_rollout_and_names_what_is_done_and_what_is_not(
    both: Client, vps: Vps, second_vps: Vps
) -> None:
    ended = both.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 7, ended.text
    assert "second: not attempted" in ended.stdout
    assert container_ids(second_vps) == []

    # It goes on from where a person leaves it: the first host refuses no more, the second does.
    second_vps.registry_stop()
    ended = both.run("deploy", SERVICE, GOOD[0].tag)

    assert ended.exit_status == 3, ended.text
    assert f"first: {SERVICE} runs {GOOD[0].tag}" in ended.stdout
    assert "second: failed (registry-down)" in ended.stdout
    assert (vps.served(), second_vps.served()) == (GOOD[0].tag, None)

    second_vps.registry_start()
    ended = both.run("deploy", SERVICE, GOOD[0].tag, "--json")

    assert ended.exit_status == 0, ended.text
    assert [on["outcome"] for on in ended.json["hosts"]] == ["unchanged", "succeeded"]


@pytest.mark.thorough
def test_only_the_named_hosts_are_changed(both: Client, vps: Vps, second_vps: Vps) -> None:
    ended = both.run("deploy", SERVICE, GOOD[0].tag, "--host", "second")

    assert ended.exit_status == 0, ended.text
    assert (vps.served(), second_vps.served()) == (None, GOOD[0].tag)
    assert "first" not in ended.text

    rows = both.run("status", "--json").json["services"]
    assert [(row["host"], row["state"]) for row in rows] == [
        ("first", "not running"),
        ("second", "in sync"),
    ]
    assert both.run("status", "--check", "--host", "second").exit_status == 0
    assert both.run("status", "--check").exit_status == 9


def test_a_host_that_cannot_be_reached_does_not_hide_the_others(
    both: Client, vps: Vps, second_vps: Vps
) -> None:
    deploy(both, vps, GOOD[0])
    vps.sshd_stop()

    ended = both.run("status", "--json")
    plain = both.run("status")
    history = both.run("history", "--json")

    assert (ended.exit_status, plain.exit_status, history.exit_status) == (4, 4, 4)
    first, second = ended.json["services"]
    assert (first["state"], second["state"]) == ("unreachable", "in sync")
    assert first["error"]["message"] in plain.stdout
    assert GOOD[0].tag in plain.stdout
    down, up = history.json["hosts"]
    assert down["error"]["exit_status"] == 4
    assert [entry["event"] for entry in up["entries"]] == ["started", "succeeded"]
    # A change does not begin behind a host that cannot be reached.
    assert both.run("deploy", SERVICE, GOOD[1].tag).exit_status == 4
    assert told(second_vps)[-1] == f"succeeded deploy {GOOD[0].tag}"


def test_all_hosts_are_asked_at_the_same_time(client: Client) -> None:
    names = [f"vps{number}" for number in range(4)]
    hosts = "".join(
        f'[hosts.{name}]\naddress = "127.0.0.1"\nport = {engine.free_port()}\n'
        f'user = "deploy"\nhost_key = "SHA256:{43 * "A"}"\n'
        for name in names
    )
    client.inventory.write_text(
        f'{hosts}[services.{SERVICE}]\nmodel = "compose"\nhosts = {names}\n'
        'directory = "/opt/infra"\ncompose_files = ["docker-compose.yml"]\n'
    )
    ports = [int(line.split()[2]) for line in hosts.splitlines() if line.startswith("port")]
    listeners = [socket.create_server(("127.0.0.1", port)) for port in ports]
    try:
        asking = client.start("status", "--json")
        connections = []
        for listener in listeners:
            listener.settimeout(8)  # less than a client waits for the first word of a server
            # The others have no answer yet.
            connections.append(listener.accept()[0])
        for connection in connections:
            connection.close()
        ended = asking.wait()
    finally:
        for listener in listeners:
            listener.close()

    assert ended.exit_status == 4, ended.text
    assert [row["host"] for row in ended.json["services"]] == names

"""Which host is let in: pinned, known and revoked keys, against an SSH server in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployctl.inventory import Jump, PinnedKey
from deployctl.inventory.parser import from_document
from deployctl.ssh.connect import connect
from tests.unit.ssh.client import ECDSA, RSA, failure, host_of, shell
from tests.unit.ssh.loopback import LoopbackServer


def test_an_unknown_host_is_refused_before_any_key_is_shown(server: LoopbackServer) -> None:
    error = failure(replace(host_of(server), host_key=None))

    assert error.code == "host-key-unknown"
    assert server.fingerprints[0] in error.message
    assert not [entry for entry in server.log if entry.startswith("auth")]


def test_another_key_than_the_pinned_one_is_refused(server: LoopbackServer) -> None:
    pinned = PinnedKey("SHA256:" + 43 * "A", setting="hosts.vps.host_key in the inventory")
    error = failure(replace(host_of(server), host_key=pinned))

    assert error.code == "host-key-mismatch"
    assert server.fingerprints[0] in error.message
    assert "put the second line into hosts.vps.host_key in the inventory" in error.hint
    assert error.hint.splitlines()[2] == server.fingerprints[0]
    assert not [entry for entry in server.log if entry.startswith("auth")]


@pytest.mark.parametrize("number", [0, 1])
def test_any_key_of_the_host_may_be_pinned(server: LoopbackServer, number: int) -> None:
    server.behaviour.host_keys = [ECDSA, RSA]
    with connect(
        replace(host_of(server), host_key=PinnedKey(server.fingerprints[number]))
    ) as session:
        assert session.run(shell("true"), timeout=10).ok


def test_a_host_is_asked_at_once_for_the_type_of_key_that_is_pinned(server: LoopbackServer) -> None:
    server.behaviour.host_keys = [ECDSA, RSA]
    line = f"ssh-rsa {RSA.get_base64()}"
    document = {
        "hosts": {"vps": {"address": "127.0.0.1", "port": server.port, "host_key": line}},
        "services": {"web": {"model": "gitops"}},
    }
    pinned = from_document(document, {}, path="inventory.toml").host("vps").host_key

    connect(replace(host_of(server), host_key=pinned)).close()

    assert server.connections == 1


def test_a_wrong_pin_ends_after_each_of_the_hosts_keys_was_seen(server: LoopbackServer) -> None:
    server.behaviour.host_keys = [ECDSA, RSA]

    error = failure(replace(host_of(server), host_key=PinnedKey("SHA256:" + 43 * "A")))

    assert error.code == "host-key-mismatch"
    assert server.connections <= 3


def test_known_hosts_with_one_of_the_hosts_keys_is_enough(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.behaviour.host_keys = [ECDSA, RSA]
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{server.port} ssh-rsa {RSA.get_base64()}\n")

    host = replace(host_of(server), host_key=None, known_hosts=str(known))
    with connect(host) as session:
        assert session.run(shell("true"), timeout=10).ok
    assert server.connections == 1


def test_the_users_known_hosts_counts_and_is_left_alone(server: LoopbackServer, home: Path) -> None:
    known = home / ".ssh/known_hosts"
    line = f"[127.0.0.1]:{server.port} {ECDSA.get_name()} {ECDSA.get_base64()}\n"
    known.write_text(line)

    connect(replace(host_of(server), host_key=None)).close()

    assert known.read_text() == line


def test_a_revoked_key_is_refused_although_it_is_pinned_or_known(
    server: LoopbackServer, home: Path
) -> None:
    revoked = home / "revoked"
    revoked.write_text(f"# stolen\n{ECDSA.get_name()} {ECDSA.get_base64()} vps\n")
    config = home / ".ssh/config"
    config.write_text("RevokedHostKeys %d/revoked\n")
    known = home / ".ssh/known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {ECDSA.get_name()} {ECDSA.get_base64()}\n")
    jump = Jump("127.0.0.1", "deploy", server.port)

    pinned = failure(host_of(server))
    for error in (pinned, failure(replace(host_of(server), host_key=None))):
        assert error.code == "host-key-revoked"
        assert f"{revoked}:2 revokes" in error.message
    behind = failure(replace(host_of(server), address="vps.example", proxy_jump=(jump,)))
    assert "cause: host-key-revoked" in behind.details
    assert not server.log  # no key was shown to it


def test_a_file_of_revoked_keys_that_is_missing_refuses_every_host(
    server: LoopbackServer, home: Path
) -> None:
    (home / ".ssh/config").write_text("Host *\n  RevokedHostKeys ~/gone\n")

    error = failure(host_of(server))

    assert error.code == "revoked-keys-unreadable"
    assert str(home / "gone") in error.message
    assert server.connections <= 1
    assert not server.log

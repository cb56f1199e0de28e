"""Which keys are tried, and what a refused login says."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from deployctl.errors import HostError
from deployctl.ssh import private_keys
from deployctl.ssh.connect import connect
from tests.unit.ssh.client import failure, host_of, write_key
from tests.unit.ssh.loopback import LoopbackServer
from tests.unit.ssh.test_private_keys import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator


def _new_key() -> str:
    text = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return text.decode()


def test_a_wrong_key_is_named(server: LoopbackServer) -> None:
    key = _new_key()
    error = failure(replace(host_of(server), private_key=key))

    assert error.code == "auth-failed"
    assert "deploy" in error.message
    assert len(error.details) == 1
    assert "ssh-ed25519 SHA256:" in error.details[0]
    assert "DEPLOY_SSH_KEY" in error.details[0]
    public = private_keys.load(key, None, "").key.get_base64()
    assert f"ssh -p {server.port} root@127.0.0.1, or its console" in error.hint
    assert error.hint.splitlines()[1].startswith("su deploy -c 'umask 077; ")
    line = f"restrict ssh-ed25519 {public} deployctl"
    # A line of its own, also behind one that lacks its end.
    assert f'printf "\\n%s\\n" "{line}" >>~/.ssh/authorized_keys' in error.hint


def test_only_the_given_key_is_tried(server: LoopbackServer, home: Path) -> None:
    write_key(home / ".ssh/id_ed25519")

    error = failure(replace(host_of(server), private_key=_new_key()))

    assert len(error.details) == 1


def test_without_a_given_key_the_default_files_are_tried(
    server: LoopbackServer, home: Path
) -> None:
    write_key(home / ".ssh/id_ed25519")
    connect(replace(host_of(server), private_key=None)).close()


def test_the_identity_file_of_ssh_config_is_tried(server: LoopbackServer, home: Path) -> None:
    write_key(home / "deploy_key")
    (home / ".ssh/config").write_text("Host *\n  IdentityFile ~/deploy_key\n")
    connect(replace(host_of(server), private_key=None)).close()


def test_keys_are_tried_one_after_the_other(server: LoopbackServer, home: Path) -> None:
    config = home / "config"
    for number, text in enumerate([_new_key(), _new_key(), "garbage", GOOD]):
        write_key(home / f"key{number}", text)
        with config.open("a") as file:
            file.write(f"IdentityFile ~/key{number}\n")

    connect(replace(host_of(server), private_key=None), ssh_config=config).close()

    assert len([entry for entry in server.log if entry.startswith("auth")]) == 3


@pytest.fixture
def agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ssh-agent that holds the authorized key, whose file is encrypted."""
    path = home / "locked"
    write_key(path)
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", home / "agent"], stdout=subprocess.DEVNULL
    ) as running:
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
            # Its socket is there before it listens.
            while subprocess.run(
                ["ssh-add", "-q", path], check=False, capture_output=True
            ).returncode:
                assert running.poll() is None
            public = subprocess.run(["ssh-keygen", "-yf", path], check=True, capture_output=True)
            (home / "locked.pub").write_bytes(public.stdout)
            subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", path], check=True)
            yield path
        finally:
            running.terminate()


def test_a_key_in_the_agent_is_tried(server: LoopbackServer, agent: Path) -> None:
    assert agent.exists()
    connect(replace(host_of(server), private_key=None)).close()


def test_an_encrypted_identity_file_is_used_through_the_agent(
    server: LoopbackServer, agent: Path
) -> None:
    connect(replace(host_of(server), private_key=None, identity_file=str(agent))).close()


def test_identities_only_can_name_a_key_of_the_agent(
    server: LoopbackServer, agent: Path, home: Path
) -> None:
    config = home / "config"
    config.write_text(f"IdentitiesOnly yes\nIdentityFile {agent}.pub\n")
    connect(replace(host_of(server), private_key=None), ssh_config=config).close()


def test_the_agent_of_ssh_config_is_asked_in_place_of_the_usual_one(
    server: LoopbackServer, agent: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agent.exists()
    config = home / "config"
    host = replace(host_of(server), private_key=None)
    config.write_text("IdentityAgent none\n")
    with pytest.raises(HostError, match="no key"):
        connect(host, ssh_config=config)
    config.write_text("IdentityAgent ~/nowhere\n")
    with pytest.raises(HostError, match="no key"):
        connect(host, ssh_config=config)

    monkeypatch.setenv("OUR_AGENT", str(home / "agent"))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere")
    for value in ("%d/agent", "~/agent", "$OUR_AGENT"):
        config.write_text(f"IdentityAgent {value}\n")
        connect(host, ssh_config=config).close()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_private_key_that_others_may_read_is_not_used(
    server: LoopbackServer, home: Path, mode: int
) -> None:
    key = home / "key"
    write_key(key)
    host = replace(host_of(server), private_key=None, identity_file=str(key))
    connect(host).close()
    key.chmod(mode)

    error = failure(host)

    assert error.code == "key-unusable"
    assert "other users" in error.message
    assert error.hint.endswith(f"chmod 600 {key}")


def test_an_encrypted_identity_file_needs_its_passphrase(
    server: LoopbackServer, agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK")
    host = replace(host_of(server), private_key=None, identity_file=str(agent))

    assert "passphrase" in failure(host).message
    connect(replace(host, passphrase="secret")).close()


def test_having_no_key_at_all_is_said(server: LoopbackServer) -> None:
    error = failure(replace(host_of(server), private_key=None))

    assert error.code == "auth-failed"
    assert "no key" in error.message


def test_an_unreadable_identity_file_is_named(server: LoopbackServer) -> None:
    error = failure(replace(host_of(server), private_key=None, identity_file="/nowhere/key"))

    assert error.code == "key-unusable"
    assert "/nowhere/key" in error.message


def test_an_unusable_key_is_refused_before_connecting(server: LoopbackServer) -> None:
    error = failure(replace(host_of(server), private_key="ssh-ed25519 AAAA x", host_key=None))
    assert error.code == "key-unusable"


def test_a_host_that_takes_passwords_only_is_named(server: LoopbackServer) -> None:
    server.behaviour.methods = "password"
    error = failure(replace(host_of(server), private_key=_new_key()))

    assert error.code == "auth-failed"
    assert any("password" in line for line in error.details)


def test_a_second_factor_is_a_refusal(server: LoopbackServer) -> None:
    server.behaviour.second_factor = True
    assert failure(host_of(server)).code == "auth-failed"

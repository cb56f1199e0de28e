"""What the tests of a connection have in common: the host, its keys, a command."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from deployctl.errors import EXIT_UNREACHABLE, HostError
from deployctl.inventory import Host, PinnedKey
from deployctl.ssh.command import Command
from deployctl.ssh.connect import connect
from tests.unit.ssh.loopback import LoopbackServer
from tests.unit.ssh.test_private_keys import GOOD

RSA = paramiko.RSAKey.generate(2048)
ECDSA = paramiko.ECDSAKey.generate()


def shell(script: str) -> Command:
    return Command(("sh", "-c", script))


def host_of(server: LoopbackServer) -> Host:
    return Host(
        "vps",
        "127.0.0.1",
        port=server.port,
        user="deploy",
        private_key=GOOD,
        private_key_source="DEPLOY_SSH_KEY",
        host_key=PinnedKey(server.fingerprints[0]),
        connect_timeout=60.0,
    )


def write_key(path: Path, text: str = GOOD) -> None:
    path.touch(0o600)
    path.write_text(text)


def failure(host: Host) -> HostError:
    with pytest.raises(HostError) as caught:
        connect(host)
    assert caught.value.exit_status == EXIT_UNREACHABLE
    assert caught.value.hint
    return caught.value

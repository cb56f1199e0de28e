"""A home without anything of whoever runs the tests, and a server to connect to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployctl.ssh import private_keys
from deployctl.ssh.connect import connect
from deployctl.ssh.session import Session
from tests.unit.ssh.client import ECDSA, host_of
from tests.unit.ssh.loopback import Behaviour, LoopbackServer
from tests.unit.ssh.test_private_keys import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No key, agent, ssh_config or known_hosts of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    authorized = {private_keys.load(GOOD, None, "test").public_blob}
    with LoopbackServer(Behaviour([ECDSA], authorized)) as running:
        yield running


@pytest.fixture
def session(server: LoopbackServer) -> Iterator[Session]:
    with connect(host_of(server)) as opened:
        yield opened

"""What the programs inherit that deployctl starts here: all of the environment but its secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inventory_text import host_table, service_table
from tests.unit.ssh.test_private_keys import GOOD

HOST = """
address = { env = "VPS_HOST" }
ssh_key = { env = "OUR_KEY" }
passphrase = { env = "OUR_WORD" }
"""
OTHER_HOST = """
address = "192.0.2.1"
ssh_key = { env = "KEY_OF_ANOTHER_HOST" }
"""
LOGIN = """
[services.web.registry]
server = "r.example"
username = { env = "OUR_NAME" }
password = { env = "OUR_TOKEN" }
"""
INVENTORY = host_table(HOST) + host_table(OTHER_HOST, name="other") + service_table("web", LOGIN)
SECRET = {
    "OUR_KEY": GOOD,
    "OUR_WORD": "a passphrase",
    "KEY_OF_ANOTHER_HOST": "a key",
    "OUR_TOKEN": "a token",
}
SSH_CONFIG = """
Match exec "env >matched"
    ProxyCommand sh -c 'env >proxied'
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("status",), ("deploy", "web", "sha-1a2b3c4")], ids=lambda command: command[0]
)
def test_no_program_that_ssh_config_starts_inherits_a_secret(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(SSH_CONFIG)
    (tmp_path / "inventory.toml").write_text(INVENTORY)
    kept = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SSH_AUTH_SOCK": "/nowhere",
        "VPS_HOST": "vps.invalid",
        "OUR_NAME": "bot",
        "UNRELATED": "as it was",
    }

    ended = subprocess.run(
        [sys.executable, "-m", "deployctl", *command],
        cwd=tmp_path,
        env={**kept, **SECRET, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode in {0, 4}, ended.stderr
    for name in ("matched", "proxied"):
        inherited = (tmp_path / name).read_text().splitlines()
        for variable in SECRET:
            assert not [line for line in inherited if line.startswith(f"{variable}=")]
        assert GOOD.splitlines()[1] not in inherited
        for variable, value in kept.items():
            assert f"{variable}={value}" in inherited

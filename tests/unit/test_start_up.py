"""What needs no host is answered without importing what is slow to import."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inventory_text import host_table, service_table

SLOW = {"fabric", "invoke", "paramiko", "cryptography", "rich.table", "rich.live", "pydantic"}
HOST = """
address = { env = "VPS_HOST" }
ssh_key = { env = "DEPLOY_SSH_KEY" }
"""
INVENTORY = host_table(HOST) + service_table("enforcer-backend")
COMPLETION = {
    "_DEPLOYCTL_COMPLETE": "complete_bash",
    "COMP_WORDS": "deployctl deploy enf",
    "COMP_CWORD": "2",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "inventory.toml").write_text(INVENTORY)
    return tmp_path


def _run(
    directory: Path, *arguments: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run the program as it is installed; return how it ended and the modules it imported."""
    program = Path(sys.executable).parent / "deployctl"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(program), *arguments],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "HOME": str(directory), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    modules = {line.rpartition("|")[2].strip() for line in lines}
    assert "deployctl.cli" in modules
    return done, modules


@pytest.mark.parametrize(
    ("arguments", "exit_status"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["deploy", "--help"], 0),
        (["deploy", "enforcer-backend", "latest"], 3),
        (["deploy", "enforcer-backend", "latest", "--json"], 3),
        (["rollback", "enforcer-backend", "v1.2.3"], 3),
        (["deploy", "enforcer-backend", "sha-1a2b3c4"], 2),
        (["status", "no-such-service"], 2),
        (["check", "no-such-service"], 2),
        (["hold", "enforcer-backend", "--reason", " "], 2),
        (["unhold", "no-such-service"], 2),
        (["status", "-i", "no-such-file.toml"], 2),
        (["lint", "no-such-directory"], 2),
        (["no-such-command"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_needs_no_host_imports_no_ssh(
    directory: Path, arguments: list[str], exit_status: int
) -> None:
    done, modules = _run(directory, *arguments)

    assert done.returncode == exit_status, done.stderr
    assert modules & SLOW == set()


def test_what_is_not_shown_is_not_imported(directory: Path) -> None:
    _, modules = _run(directory, "deploy", "enforcer-backend", "latest")

    assert "deployctl.render.terminal.hint_lines" in modules
    assert "deployctl.render.terminal.table" not in modules


def test_completion_imports_no_ssh(directory: Path) -> None:
    done, modules = _run(directory, **COMPLETION)

    assert done.returncode == 0
    assert done.stdout.split() == ["enforcer-backend"]
    assert modules & SLOW == set()


def test_what_needs_a_host_imports_ssh_and_this_would_be_noticed(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        inventory = directory / "inventory.toml"
        port = f'port = {server.getsockname()[1]}\nconnect_timeout = "500ms"\n'
        inventory.write_text(INVENTORY.replace("ssh_key", f"{port}#"))
        done, modules = _run(directory, "status", VPS_HOST="127.0.0.1")

    assert done.returncode == 4, done.stderr
    assert {"fabric", "paramiko", "deployctl.render.terminal.table"} <= modules
    # What reads an answer is imported while a host works one out, and this one never did.
    assert modules & {"deployctl.compose.facts", "deployctl.compose.drift"} == set()

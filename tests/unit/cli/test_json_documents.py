"""With --json, each failure that needs no host prints exactly one document, too.

Run in this process; tests/e2e/test_json.py has what a host says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from deployctl import __main__ as program
from tests.inventory_text import host_table, service_table
from tests.unit.build import tag
from tests.vps import engine

SERVICE = "enforcer-backend"
Check = Callable[..., tuple[int, Any, str]]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(files("deployctl").joinpath("output.schema.json").read_text())
    return Draft202012Validator(schema, format_checker=FormatChecker())


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str], validator: Draft202012Validator) -> Check:
    """Run a command line; return its status, its one valid document and its complaints."""

    def run(*argv: str) -> tuple[int, Any, str]:
        status = program.run([*argv, "--json"])
        out, err = capsys.readouterr()
        assert out.count("\n") == 1, out + err
        value = json.loads(out)
        validator.validate(value)
        assert value["schema"] == "deployctl/1"
        assert value["exit_status"] == status
        assert value["ok"] is (status == 0)
        return status, value, err

    return run


@pytest.fixture
def inventory(place: Path) -> Path:
    """Name a host where nothing listens."""
    path = place / "inventory.toml"
    host = f"""
address = "127.0.0.1"
port = {engine.free_port()}
user = "deploy"
host_key = "SHA256:{43 * "A"}"
"""
    path.write_text(host_table(host) + service_table(SERVICE))
    return path


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize(
    ("arguments", "exit_status", "command", "code"),
    [
        ((), 2, "", "usage"),
        (("no-such-command",), 2, "", "usage"),
        (("deploy",), 2, "deploy", "usage"),
        (("deploy", SERVICE), 2, "deploy", "usage"),
        (("deploy", SERVICE, tag(1), "--no-such-option"), 2, "deploy", "usage"),
        (("deploy", SERVICE, tag(1), "--wait", "soon"), 2, "deploy", "wait-invalid"),
        (("deploy", SERVICE, tag(1), "--digest", ""), 2, "deploy", "digest-invalid"),
        (("deploy", SERVICE, tag(1), "--host", "vps9"), 2, "deploy", "unknown-host"),
        (("deploy", "no-such-service", tag(1)), 2, "deploy", "unknown-service"),
        (("deploy", SERVICE, "latest"), 3, "deploy", "tag-refused"),
        (("rollback", SERVICE, "main"), 3, "rollback", "tag-refused"),
        (("rollback", SERVICE, "--wait", "-1"), 2, "rollback", None),
        (("status", "no-such-service"), 2, "status", "unknown-service"),
        (("status", "--inventory", "no-such-file.toml"), 2, "status", "inventory-missing"),
        (("history", "--limit", "0"), 2, "history", "usage"),
        (("history", "--limit", "many"), 2, "history", "usage"),
        (("follow", "vps"), 2, "follow", "usage"),
        (("follow", "vps9", "20261123t050000z-00000000"), 2, "follow", "unknown-host"),
        (("deploy", SERVICE, tag(1)), 4, "deploy", None),
        (("rollback", SERVICE), 4, "rollback", None),
        (("status",), 4, "status", None),
        (("history",), 4, "history", None),
        (("follow", "vps", "20261123t050000z-00000000"), 4, None, None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_failure_without_a_host_is_one_document(
    document: Check,
    arguments: tuple[str, ...],
    exit_status: int,
    command: str | None,
    code: str | None,
) -> None:
    status, value, said = document(*arguments)

    assert status == exit_status, said
    if command is not None:
        assert value["command"] == command
    if code is not None:
        assert value["error"]["code"] == code
    if value["error"]:
        assert value["error"]["message"]
        assert value["error"]["message"].splitlines()[0] in said


@pytest.mark.parametrize(
    "text", ["", "not = TOML =", "[services]\nx = 1\n"], ids=["empty", "no TOML", "wrong"]
)
def test_a_mistake_in_the_inventory_is_one_document(
    document: Check, inventory: Path, text: str
) -> None:
    inventory.write_text(text)

    status, value, said = document("status")

    assert status == 2, said
    assert value["command"] == "status"

"""With --json, every command and every kind of failure prints exactly one document."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended
from tests.e2e.invariants import settle
from tests.e2e.steps import Standing, make_unhealthy
from tests.vps import engine
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD, NEVER_HEALTHY, NO_SUCH_TAG
from tests.vps.world import Vps


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(files("deployctl").joinpath("output.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


@pytest.fixture
def check(validator: Draft202012Validator) -> Callable[[Ended], Any]:
    """Take the one document of a command apart, after seeing that it is a valid one."""

    def document(ended: Ended) -> Any:
        assert ended.stdout.count("\n") == 1, ended.text
        value = ended.json
        validator.validate(value)
        assert value["schema"] == "deployctl/1"
        assert value["exit_status"] == ended.exit_status
        assert value["ok"] is (ended.exit_status == 0)
        return value

    return document


@pytest.fixture
def unreachable(client: Client) -> Client:
    """A client whose inventory names a host where nothing listens."""
    client.inventory.write_text(
        f"""
[hosts.vps]
address = "127.0.0.1"
port = {engine.free_port()}
user = "deploy"
host_key = "SHA256:{43 * "A"}"

[services.{SERVICE}]
model = "compose"
hosts = ["vps"]
directory = "/opt/infra"
compose_files = ["compose/docker-compose.yml"]
"""
    )
    return client


@pytest.mark.parametrize(
    ("arguments", "exit_status", "command", "code"),
    [
        ((), 2, "", "usage"),
        (("no-such-command",), 2, "", "usage"),
        (("deploy",), 2, "deploy", "usage"),
        (("deploy", SERVICE), 2, "deploy", "usage"),
        (("deploy", SERVICE, GOOD[0].tag, "--no-such-option"), 2, "deploy", "usage"),
        (("deploy", SERVICE, GOOD[0].tag, "--wait", "soon"), 2, "deploy", "wait-invalid"),
        (("deploy", SERVICE, GOOD[0].tag, "--digest", ""), 2, "deploy", "digest-invalid"),
        (("deploy", SERVICE, GOOD[0].tag, "--host", "vps9"), 2, "deploy", "unknown-host"),
        (("deploy", "no-such-service", GOOD[0].tag), 2, "deploy", "unknown-service"),
        (("deploy", SERVICE, "latest"), 3, "deploy", "tag-refused"),
        (("rollback", SERVICE, "main"), 3, "rollback", "tag-refused"),
        (("rollback", SERVICE, "--wait", "-1"), 2, "rollback", None),
        (("status", "no-such-service"), 2, "status", "unknown-service"),
        (("status", "--inventory", "no-such-file.toml"), 2, "status", "inventory-missing"),
        (("history", "--limit", "0"), 2, "history", "usage"),
        (("history", "--limit", "many"), 2, "history", "usage"),
        (("follow", "vps"), 2, "follow", "usage"),
        (("follow", "vps9", "20261123t050000z-00000000"), 2, "follow", "unknown-host"),
        (("deploy", SERVICE, GOOD[0].tag), 4, "deploy", None),
        (("rollback", SERVICE), 4, "rollback", None),
        (("status",), 4, "status", None),
        (("history",), 4, "history", None),
        (("follow", "vps", "20261123t050000z-00000000"), 4, None, None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_failure_without_a_host_is_one_document(
    unreachable: Client,
    check: Callable[[Ended], Any],
    arguments: tuple[str, ...],
    exit_status: int,
    command: str | None,
    code: str | None,
) -> None:
    ended = unreachable.run(*arguments, "--json")

    assert ended.exit_status == exit_status, ended.text
    document = check(ended)
    if command is not None:
        assert document["command"] == command
    if code is not None:
        assert document["error"]["code"] == code
    if document["error"]:
        assert document["error"]["message"]
        assert document["error"]["message"].splitlines()[0] in ended.stderr


@pytest.mark.parametrize(
    "text", ["", "not = TOML =", "[services]\nx = 1\n"], ids=["empty", "no TOML", "wrong"]
)
def test_a_mistake_in_the_inventory_is_one_document(
    client: Client, check: Callable[[Ended], Any], text: str
) -> None:
    client.inventory.write_text(text)

    ended = client.run("status", "--json")

    assert ended.exit_status == 2, ended.text
    assert check(ended)["command"] == "status"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_are_for_people(client: Client, option: str) -> None:
    ended = client.run(option)

    assert ended.exit_status == 0
    assert "deployctl" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_status", "outcome"),
    [
        (("deploy", SERVICE, GOOD[2].tag), 0, "unchanged"),
        (("deploy", SERVICE, GOOD[3].tag, "--dry-run"), 0, "planned"),
        (("rollback", SERVICE, "--dry-run"), 0, "planned"),
        (("rollback", SERVICE, GOOD[2].tag), 0, "unchanged"),
        (("deploy", SERVICE, NO_SUCH_TAG), 3, "failed"),
        (("deploy", SERVICE, GOOD[3].tag, "--expect-current", GOOD[0].tag), 3, "failed"),
        (("rollback", SERVICE, GOOD[7].tag), 3, "failed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_rollout_is_one_document(
    standing: Standing,
    check: Callable[[Ended], Any],
    arguments: tuple[str, ...],
    exit_status: int,
    outcome: str,
) -> None:
    ended = standing.client.run(*arguments, "--json")

    assert ended.exit_status == exit_status, ended.text
    document = check(ended)
    assert document["command"] == arguments[0]
    (on_host,) = document["hosts"]
    assert on_host["outcome"] == outcome
    assert on_host["error"] == document["error"]


def test_a_question_is_one_document(standing: Standing, check: Callable[[Ended], Any]) -> None:
    (row,) = check(standing.client.run("status", "--json", "--check"))["services"]
    assert (row["state"], row["running"]["tag"]) == ("in sync", GOOD[2].tag)
    assert row["rollback"]["release"]["tag"] == GOOD[1].tag
    assert row["rollback"]["image_present"] is True
    assert row["revision"] == GOOD[2].commit

    (told,) = check(standing.client.run("history", "--json", "--limit", "3"))["hosts"]
    assert [entry["seq"] for entry in told["entries"]] == [4, 5, 6]

    run = told["entries"][-1]["run"]
    followed = check(standing.client.run("follow", "vps", run, "--json"))
    assert followed["hosts"][0]["release"]["tag"] == GOOD[2].tag


def test_other_environments_make_no_difference(
    standing: Standing, check: Callable[[Ended], Any]
) -> None:
    environments = (
        {"GITHUB_ACTIONS": "true", "CI": "true"},
        {"TERM": "dumb", "NO_COLOR": "1"},
        {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
    )
    for environment in environments:
        elsewhere = Client(standing.client.directory, environment)
        check(elsewhere.run("status", "--json", "--verbose"))


def test_every_end_of_a_change_is_one_document(
    ready: Client, vps: Vps, check: Callable[[Ended], Any]
) -> None:
    broken = ready.run("deploy", SERVICE, EXITS_AT_ONCE.tag, "--json")
    assert broken.exit_status == 7, broken.text
    assert check(broken)["error"]["code"] == "broken"

    done = ready.run("deploy", SERVICE, GOOD[0].tag, "--json", "--verbose")
    assert done.exit_status == 0, done.text
    assert check(done)["hosts"][0]["outcome"] == "succeeded"

    restored = ready.run("deploy", SERVICE, EXITS_AT_ONCE.tag, "--json")
    assert restored.exit_status == 6, restored.text
    document = check(restored)
    assert document["error"]["code"] == "restored"
    assert any("FATAL: DATABASE_URL is not set" in line for line in document["error"]["details"])

    refused = ready.run("rollback", SERVICE, "--json")
    assert refused.exit_status == 3, refused.text
    assert check(refused)["error"]["code"] == "already-put-back"

    settle(vps)
    vps.write(f"{host.STATE}/holds/{SERVICE}", "{}")
    held = ready.run("deploy", SERVICE, GOOD[1].tag, "--json")
    assert held.exit_status == 5, held.text
    assert check(held)["error"]["code"] == "hold"

    make_unhealthy(vps)
    drifted = ready.run("status", "--check", "--json")
    assert drifted.exit_status == 9
    assert check(drifted)["services"][0]["state"] == "unhealthy"


def test_a_command_that_is_interrupted_prints_one_document(
    ready: Client, vps: Vps, check: Callable[[Ended], Any]
) -> None:
    deploying = ready.start("deploy", SERVICE, NEVER_HEALTHY.tag, "--json")
    host.await_step(vps, "health")

    deploying.interrupt()

    ended = deploying.wait()
    assert ended.exit_status == 130, ended.text
    assert check(ended)["error"]["code"] == "interrupted"

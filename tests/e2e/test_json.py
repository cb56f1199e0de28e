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


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_are_for_people(client: Client, option: str) -> None:
    ended = client.run(option)

    assert ended.exit_status == 0
    assert "deployctl" in ended.stdout


ROLLOUTS = (
    (("deploy", SERVICE, GOOD[2].tag), 0, "unchanged"),
    (("deploy", SERVICE, GOOD[3].tag, "--dry-run"), 0, "planned"),
    (("rollback", SERVICE, "--dry-run"), 0, "planned"),
    (("rollback", SERVICE, GOOD[2].tag), 0, "unchanged"),
    (("deploy", SERVICE, NO_SUCH_TAG), 3, "failed"),
    (("deploy", SERVICE, GOOD[3].tag, "--expect-current", GOOD[0].tag), 3, "failed"),
    (("rollback", SERVICE, GOOD[7].tag), 3, "failed"),
)


def test_a_rollout_is_one_document(standing: Standing, check: Callable[[Ended], Any]) -> None:
    for arguments, exit_status, outcome in ROLLOUTS:
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


@pytest.mark.thorough
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

"""The command line: options, exit statuses, what is said where, and nothing that escapes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployctl import __main__ as program
from deployctl import errors
from deployctl.errors import HostError
from deployctl.release.release import Action, Release
from deployctl.release.results import RunResult, State, StatusResult
from tests.inventory_text import host_table, service_table
from tests.unit.build import release, tag

INVENTORY = (
    host_table('address = "one.example"', name="one")
    + host_table('address = "two.example"', name="two")
    + host_table('address = { env = "FAR_HOST" }', name="far")
    + service_table("web", hosts=("one", "two"))
    + service_table("worker", hosts=("far",))
    + '[services.flux]\nmodel = "gitops"\n'
)


@pytest.fixture(autouse=True)
def inventory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "inventory.toml").write_text(INVENTORY)
    monkeypatch.delenv("FAR_HOST", raising=False)


def no_host(*_: object) -> Any:
    pytest.fail("a host was connected to")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host may be asked."""
    monkeypatch.setattr("deployctl.ssh.connection.connect", no_host)


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Run a command line; return its status, what it printed and what it complained."""
    status = program.run(argv)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


# ---------------------------------------------------------------- refused before any host

WRONG = [
    (("deploy",), errors.EXIT_USAGE, "usage"),
    (("deploy", "web"), errors.EXIT_USAGE, "usage"),
    (("deploy", "web", tag(1), "extra"), errors.EXIT_USAGE, "usage"),
    (("deplyo", "web", tag(1)), errors.EXIT_USAGE, "usage"),
    (("status", "--frobnicate"), errors.EXIT_USAGE, "usage"),
    (("history", "--limit", "0"), errors.EXIT_USAGE, "usage"),
    (("history", "--limit", "many"), errors.EXIT_USAGE, "usage"),
    (("deploy", "wbe", tag(1)), errors.EXIT_USAGE, "unknown-service"),
    (("status", "wbe"), errors.EXIT_USAGE, "unknown-service"),
    (("deploy", "web", tag(1), "--host", "three"), errors.EXIT_USAGE, "unknown-host"),
    (("status", "--host", "three"), errors.EXIT_USAGE, "unknown-host"),
    (("status", "web", "--host", "far"), errors.EXIT_USAGE, "unknown-host"),
    (("follow", "three", "20251123t120000z-00000000"), errors.EXIT_USAGE, "unknown-host"),
    (("follow", "one", "../../etc"), errors.EXIT_USAGE, "run-invalid"),
    (("deploy", "web", tag(1), "--wait", "soon"), errors.EXIT_USAGE, "wait-invalid"),
    (("rollback", "web", "--wait", "-1s"), errors.EXIT_USAGE, "wait-invalid"),
    (("deploy", "web", tag(1), "--digest", ""), errors.EXIT_USAGE, "digest-invalid"),
    (("deploy", "worker", tag(1)), errors.EXIT_USAGE, "environment-missing"),
    (("status",), errors.EXIT_USAGE, "environment-missing"),
    (("status", "flux"), errors.EXIT_USAGE, "no-hosts"),
    (("status", "-i", "nowhere.toml"), errors.EXIT_USAGE, "inventory-missing"),
    (("deploy", "web", "latest"), errors.EXIT_REFUSED, "tag-refused"),
    (("deploy", "web", ""), errors.EXIT_REFUSED, "tag-refused"),
    (("deploy", "web", "sha-1234567; reboot"), errors.EXIT_REFUSED, "tag-refused"),
    (("deploy", "web", "x" * 10_000), errors.EXIT_REFUSED, "tag-refused"),
    (("deploy", "worker", "latest"), errors.EXIT_REFUSED, "tag-refused"),
    (("rollback", "web", "v1.2.3"), errors.EXIT_REFUSED, "tag-refused"),
    (("deploy", "flux", tag(1)), errors.EXIT_REFUSED, "model-refused"),
    (("rollback", "flux"), errors.EXIT_REFUSED, "model-refused"),
    (("hold", "flux", "--reason", "audit"), errors.EXIT_REFUSED, "model-refused"),
    (("unhold", "flux"), errors.EXIT_REFUSED, "model-refused"),
]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("argv", "status"), [case[:2] for case in WRONG])
def test_what_is_wrong_is_said_before_any_host_is_asked(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], status: int
) -> None:
    ended, out, err = said(capsys, *argv)

    assert ended == status
    assert err
    assert "Traceback" not in out + err


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("argv", "status", "code"), WRONG)
def test_with_json_it_is_one_document_with_a_code(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], status: int, code: str
) -> None:
    ended, out, _ = said(capsys, *argv, "--json")
    document = json.loads(out)

    assert ended == status == document["exit_status"]
    assert code in out


@pytest.mark.usefixtures("offline")
def test_a_workflow_of_another_branch_is_refused_before_any_host_is_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    monkeypatch.setenv("GITHUB_REF", "refs/heads/feature")

    status, _, err = said(capsys, "deploy", "web", tag(1))

    assert status == errors.EXIT_REFUSED
    assert "refs/heads/feature" in err


CHANGING = [
    ("deploy", "web", tag(1)),
    ("rollback", "web"),
    ("rollback", "web", tag(1), "--dry-run"),
    ("hold", "web", "--reason", "migration"),
    ("unhold", "web"),
]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("command", CHANGING, ids=lambda command: command[0])
@pytest.mark.parametrize("event", ["pull_request", "issue_comment", "workflow_run", ""])
def test_no_command_changes_a_host_for_an_event_that_strangers_start(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    event: str,
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", event)
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")

    status, out, _ = said(capsys, *command, "--json")

    assert status == errors.EXIT_REFUSED
    error = json.loads(out)["error"]
    assert error["code"] == "source-refused"
    assert error["state"] == errors.UNTOUCHED


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("command", CHANGING[1:], ids=lambda command: command[0])
@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "true"}])
def test_a_person_and_a_dispatched_workflow_get_past_the_events(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    environment: dict[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_dispatch")
    monkeypatch.setenv("GITHUB_REF", "refs/heads/feature")

    with pytest.raises(pytest.fail.Exception, match="was connected to"):
        said(capsys, *command)


@pytest.mark.usefixtures("offline")
def test_an_allowed_workflow_run_is_read_from_the_file_that_the_runner_wrote(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    inventory = place / "inventory.toml"
    inventory.write_text(f'{inventory.read_text()}\n[gates]\nsource_events = ["workflow_run"]\n')
    run = {"event": "push", "head_branch": "topic", "head_repository": {"full_name": "o/r"}}
    (place / "event.json").write_text(json.dumps({"workflow_run": run}))
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "workflow_run",
        "GITHUB_EVENT_PATH": str(place / "event.json"),
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_REF": "refs/heads/main",
    }.items():
        monkeypatch.setenv(name, value)

    status, _, err = said(capsys, "deploy", "web", tag(1))

    assert status == errors.EXIT_REFUSED
    assert "follows a 'push' run" in err


def test_a_missing_inventory_says_where_it_was_looked_for(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    (place / "inventory.toml").unlink()

    status, _, err = said(capsys, "status")

    assert status == errors.EXIT_USAGE
    assert "inventory.toml" in err


def test_mistakes_in_the_inventory_are_all_told(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    (place / "inventory.toml").write_text(INVENTORY.replace("/opt", "opt").replace("two.ex", " "))

    status, _, err = said(capsys, "status")

    assert status == errors.EXIT_USAGE
    assert err.count("services.") >= 2


def test_the_inventory_may_be_named_by_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    (place / "inventory.toml").rename(place / "other.toml")
    monkeypatch.setenv("DEPLOYCTL_INVENTORY", "other.toml")

    assert said(capsys, "deploy", "web", "latest")[0] == errors.EXIT_REFUSED


# ---------------------------------------------------------------- help and version


@pytest.mark.parametrize("argv", [(), ("--help",), ("-h",), ("deploy", "--help")])
def test_help_is_no_failure(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    status, out, err = said(capsys, *argv)

    assert status == 0
    assert "Usage: " in out
    assert err == ""


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "--version")

    assert status == 0
    assert out.startswith("deployctl ")


# ---------------------------------------------------------------- completion


PROGRAM = "import sys; sys.argv[0] = 'deployctl'; from deployctl.__main__ import main; main()"


def completed(words: str) -> list[str]:
    """What bash would offer behind these words."""
    asked = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **os.environ,
            "_DEPLOYCTL_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stderr == ""
    return asked.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("deployctl deploy w", ["web", "worker"]),
        ("deployctl rollback fl", ["flux"]),
        ("deployctl deploy web --host t", ["two"]),
        ("deployctl follow ", ["far", "one", "two"]),
        ("deployctl status -i other.toml ww", ["www"]),
        ("deployctl status -i broken.toml w", []),
        ("deployctl status -i missing.toml w", []),
    ],
)
def test_services_and_hosts_are_completed(words: str, offered: list[str], place: Path) -> None:
    (place / "other.toml").write_text(INVENTORY.replace("web", "www"))
    (place / "broken.toml").write_text("hosts = 7")

    assert completed(words) == offered


# ---------------------------------------------------------------- results


DONE = RunResult("one", "web", Action.DEPLOY, "succeeded", release(2), release(1), "run", 1.0)


def test_several_hosts_stop_at_the_first_that_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> RunResult:
        raise HostError("unreachable", "one does not answer", hint="is it up?")

    monkeypatch.setattr("deployctl.compose.deploy.deploy", fail)

    status, out, err = said(capsys, "deploy", "web", tag(2), "--json")
    document = json.loads(out)

    assert status == errors.EXIT_UNREACHABLE
    assert "two" in json.dumps(document["not_attempted"])
    assert "one does not answer" in err


def test_a_deploy_says_on_stdout_what_runs_now(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployctl.compose.deploy.deploy", lambda *_: DONE)

    status, out, _ = said(capsys, "deploy", "web", tag(2), "--host", "one")

    assert status == 0
    assert tag(2) in out


def test_a_check_of_what_is_not_in_sync_is_exit_9(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {"one": State.IN_SYNC, "two": State.UNTRACKED}
    monkeypatch.setattr(
        "deployctl.compose.status.status",
        lambda connection, *_: StatusResult(
            connection.host.name, "web", states[connection.host.name]
        ),
    )

    assert said(capsys, "status", "web")[0] == 0
    assert said(capsys, "status", "web", "--check")[0] == errors.EXIT_DRIFT
    assert said(capsys, "status", "web", "--check", "--host", "one")[0] == 0


def test_a_host_that_does_not_answer_is_a_row_and_exit_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(connection: Any, *_: object) -> StatusResult:
        if connection.host.name == "two":
            raise HostError("unreachable", "two does not answer")
        return StatusResult("one", "web", State.IN_SYNC, running=Release(tag(1), "id"))

    monkeypatch.setattr("deployctl.compose.status.status", ask)

    status, out, _ = said(capsys, "status", "web", "--check")

    assert status == errors.EXIT_UNREACHABLE
    assert "unreachable" in out
    assert "in sync" in out


# ---------------------------------------------------------------- nothing escapes


def boom(*_: object) -> RunResult:
    raise ZeroDivisionError("boom [/red]")


def test_a_bug_is_one_sentence_and_exit_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployctl.compose.deploy.deploy", boom)

    status, out, err = said(capsys, "deploy", "web", tag(2))

    assert status == errors.EXIT_BUG
    assert "a bug in deployctl: ZeroDivisionError: boom [/red]" in err
    assert "Traceback" not in out + err


def test_a_bug_with_json_is_a_document(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployctl.compose.deploy.deploy", boom)

    status, out, _ = said(capsys, "deploy", "web", tag(2), "--json")

    assert status == json.loads(out)["exit_status"] == errors.EXIT_BUG


def test_whoever_looks_for_a_bug_gets_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployctl.compose.deploy.deploy", boom)
    monkeypatch.setenv("DEPLOYCTL_DEBUG", "1")

    assert "Traceback" in said(capsys, "deploy", "web", tag(2))[2]


def test_ctrl_c_is_exit_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> RunResult:
        raise KeyboardInterrupt

    monkeypatch.setattr("deployctl.compose.deploy.deploy", stop)
    monkeypatch.setattr("deployctl.compose.status.status", stop)

    assert said(capsys, "deploy", "web", tag(2))[0] == errors.EXIT_INTERRUPTED
    assert said(capsys, "status", "web", "--host", "one")[0] == errors.EXIT_INTERRUPTED


def test_a_reader_that_leaves_is_no_failure_and_no_noise(place: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "deployctl", "status", "wbe", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=place,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()

    assert process.wait() == errors.EXIT_USAGE
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err

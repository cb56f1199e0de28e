"""Who is printed what: nobody a secret of deployctl's own, and a job's log no secret at all."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployctl.__main__ import run as main
from deployctl.errors import (
    BrokenError,
    DeployctlError,
    GateResult,
    HostError,
    RefusedError,
    RestoredError,
)
from deployctl.events import ConnectionLost, Notice
from deployctl.inventory import Inventory, parse
from deployctl.release.check import CheckFinding, CheckResult, Severity
from deployctl.release.hold import Hold, HoldOutcome, HoldResult
from deployctl.release.results import HistoryResult, HostOutcome, State, StatusResult
from deployctl.render.output import Output
from deployctl.render.secrets.publication import LEFT_OUT
from deployctl.render.terminal.progress import Progress
from tests.inventory_text import host_table, service_table
from tests.unit.render.samples import of_runs, run

PASSWORD = "p@ss/registry-token"
KEY_LINE = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY_LINE}\n-----END OPENSSH PRIVATE KEY-----\n"
LOGIN = base64.b64encode(f"bot:{PASSWORD}".encode()).decode()
OWN = (PASSWORD, KEY_LINE, LOGIN, "p%40ss%2Fregistry-token")
FOREIGN = "hunter2-of-the-container"
RUN = "20251123t115652z-9f3c1a07"
HOST = """
address = "vps"
ssh_key = { env = "DEPLOY_SSH_KEY" }
"""
REGISTRY = """
[services.web.registry]
server = "ghcr.io"
username = "bot"
password = { env = "REGISTRY_TOKEN" }
"""
INVENTORY = host_table(HOST) + service_table("web", REGISTRY)
ENVIRONMENT = {"DEPLOY_SSH_KEY": KEY, "REGISTRY_TOKEN": PASSWORD}
QUIET = INVENTORY + "[github]\ncontainer_log = false\n"
# GitHub sets both; with --no-github, the log is a job's log all the same.
PLACES = {
    "actions": ({"GITHUB_ACTIONS": "true", "CI": "true"}, True),
    "actions --no-github": ({"GITHUB_ACTIONS": "true"}, False),
    "other CI": ({"CI": "true"}, True),
    "terminal": ({}, True),
}
IN_CI = sorted(set(PLACES) - {"terminal"})


def inventory(text: str = INVENTORY) -> Inventory:
    return parse(text, ENVIRONMENT, path="inventory.toml")


class Printed:
    """What one call says, in every way that there is."""

    def __init__(self, directory: Path, place: str, *, json: bool = False, of: str = INVENTORY):
        environment, github = PLACES[place]
        self._files = [directory / "output", directory / "summary"]
        names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        self._environment = {**environment, **dict(zip(names, map(str, self._files), strict=True))}
        self.out, self.err = io.StringIO(), io.StringIO()
        self.output = Output(
            self._environment,
            json=json,
            github=github,
            inventory=inventory(of),
            out=self.out,
            err=self.err,
        )

    def events(self, *events: Any) -> None:
        observer = self.output.observer(Progress(self.err, self._environment, verbose=True))
        for event in events:
            observer(event)

    @property
    def text(self) -> str:
        """All of it, but for what tells the runner what to mask."""
        files = [file.read_text("utf-8") for file in self._files if file.exists()]
        lines = "\n".join([self.out.getvalue(), self.err.getvalue(), *files]).splitlines()
        return "\n".join(line for line in lines if not line.startswith("::add-mask::"))


def words(secret: str) -> str:
    return f"it says password={secret} here"


def an_error(secret: str, kind: type[DeployctlError] = RestoredError) -> DeployctlError:
    """An error that has a secret in each of its parts."""
    error = kind(
        "restored",
        words(secret),
        state=words(secret),
        hint=f"{words(secret)}\ndeployctl status web",
        details=("starting", words(secret)),
        about={"run": RUN},
    )
    error.gate_results = (GateResult("digest", False, words(secret)),)
    return error


def print_everything(printed: Printed, secret: str) -> None:
    """Every kind of result and event, with a secret wherever a host or person put words."""
    said, failed = words(secret), an_error(secret)
    printed.events(Notice("vps", said), ConnectionLost("vps", said))
    planned = run(notes=(said,), commands=(said,), gate_results=(GateResult("x", False, said),))
    printed.output.rollout(of_runs(planned, HostOutcome("vps", error=failed)), 6)
    row = StatusResult("vps", "web", State.IN_SYNC, notes=(said,), hold=said, deployed_by=said)
    away = StatusResult.unreachable("vps", "web", an_error(secret, HostError))
    printed.output.status([row, away], 4)
    entry = {"run": RUN, "reason": said, "by": said}
    printed.output.history(
        [HistoryResult("vps", entries=(entry,), problems=(said,), error=failed)], 4
    )
    found = CheckFinding("compose", "compose-invalid", Severity.PROBLEM, said, said, (said,))
    printed.output.check([CheckResult("vps", "web", (found,))], 4)
    hold = Hold(by="kim", at="", reason=said)
    printed.output.holds(
        [HoldResult("vps", "web", HoldOutcome.FAILED, hold, error=failed)], "hold", 5
    )
    printed.output.error(an_error(secret, RefusedError), "deploy")


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", OWN)
def test_a_secret_of_deployctls_own_is_told_to_nobody(
    tmp_path: Path, secret: str, place: str, json: bool
) -> None:
    printed = Printed(tmp_path, place, json=json)

    print_everything(printed, secret)

    assert secret not in printed.text
    assert "password=***" in printed.text


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("place", IN_CI)
def test_what_looks_like_a_secret_is_told_to_no_job(tmp_path: Path, place: str, json: bool) -> None:
    printed = Printed(tmp_path, place, json=json)

    print_everything(printed, FOREIGN)

    assert FOREIGN not in printed.text
    assert printed.text.count("password=***") > 10


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
def test_a_person_at_a_terminal_sees_the_log_as_it_is(tmp_path: Path, json: bool) -> None:
    printed = Printed(tmp_path, "terminal", json=json)

    printed.output.rollout(of_runs(HostOutcome("vps", error=an_error(FOREIGN))), 6)

    assert words(FOREIGN) in printed.text


def test_an_answer_without_secrets_is_the_same_in_a_job(tmp_path: Path) -> None:
    document = []
    for place in ("actions", "terminal"):
        printed = Printed(tmp_path, place, json=True)
        printed.output.rollout(of_runs(run(), HostOutcome("vps", error=an_error("***"))), 6)
        document.append(json.loads(printed.out.getvalue()))

    assert document[0] == document[1]


def test_what_is_taken_out_leaves_the_error_what_it_is(tmp_path: Path) -> None:
    error = an_error(PASSWORD)

    exit_status = Printed(tmp_path, "actions").output.error(error, "deploy")

    assert exit_status == 6
    assert PASSWORD in error.message


def test_a_bug_that_quotes_a_secret_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise LookupError(words(FOREIGN))

    monkeypatch.setattr("deployctl.cli.context._read_inventory", fails)
    monkeypatch.setenv("DEPLOYCTL_DEBUG", "1")
    monkeypatch.setenv("CI", "true")

    assert main(["deploy", "web", "sha-1a2b3c4"]) == 1

    said = capsys.readouterr()
    assert "Traceback" in said.err
    assert FOREIGN not in said.out + said.err


# ---------------------------------------------------------------- github.container_log


LOG = "a line of the container's log"
COMPOSE = RefusedError("compose-invalid", "m", hint="see it on the host", details=(LOG,))


@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("kind", [RestoredError, BrokenError])
@pytest.mark.parametrize("place", ["actions", "actions --no-github"])
def test_the_containers_log_stays_out_of_github_where_the_inventory_says_so(
    tmp_path: Path, place: str, kind: type[DeployctlError], json: bool
) -> None:
    failed = kind("restored", "m", details=(LOG, "ghp_" + "a1" * 18), about={"run": RUN})
    printed = Printed(tmp_path, place, json=json, of=QUIET)

    printed.output.rollout(of_runs(HostOutcome("vps", error=failed)), failed.exit_status)

    assert LOG not in printed.text
    assert LEFT_OUT in printed.text
    assert f"deployctl follow vps {RUN}" in printed.text
    assert "add-mask" not in printed.err.getvalue()


def test_what_compose_said_stays_out_of_github_too(tmp_path: Path) -> None:
    printed = Printed(tmp_path, "actions", of=QUIET)
    finding = CheckFinding("compose", "compose-invalid", Severity.PROBLEM, "m", "", (LOG,))

    printed.output.check([CheckResult("vps", "web", (finding,))], 4)
    printed.output.rollout(of_runs(HostOutcome("vps", error=COMPOSE)), 3)

    assert LOG not in printed.text
    assert printed.text.count(LEFT_OUT) >= 2


def test_the_id_of_a_run_that_is_none_becomes_no_command(tmp_path: Path) -> None:
    failed = RestoredError("restored", "m", details=(LOG,), about={"run": "x; rm -r /"})
    printed = Printed(tmp_path, "actions", of=QUIET)

    printed.output.rollout(of_runs(HostOutcome("vps", error=failed)), 6)

    assert LEFT_OUT in printed.text
    assert "deployctl follow" not in printed.text


@pytest.mark.parametrize(("place", "text"), [("terminal", QUIET), ("actions", INVENTORY)])
def test_elsewhere_and_without_the_setting_the_log_is_shown(
    tmp_path: Path, place: str, text: str
) -> None:
    printed = Printed(tmp_path, place, of=text)

    printed.output.rollout(of_runs(HostOutcome("vps", error=COMPOSE)), 3)

    assert LOG in printed.text


def test_another_errors_evidence_is_shown_all_the_same(tmp_path: Path) -> None:
    printed = Printed(tmp_path, "actions", of=QUIET)
    denied = RefusedError("registry-denied", "m", details=("denied: requested access",))

    printed.output.rollout(of_runs(HostOutcome("vps", error=denied)), 3)

    assert "requested access" in printed.text


def test_the_secrets_of_an_inventory_are_all_that_it_takes_as_such() -> None:
    read = inventory()
    host = replace(read.host("vps"), passphrase="orange")

    assert set(replace(read, hosts={"vps": host}).secrets) == {
        *(KEY, "orange", PASSWORD, f"bot:{PASSWORD}"),
    }

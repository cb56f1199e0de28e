"""The command: exit statuses, and its output for people, programs, workflows and code scanning."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import deployctl
from deployctl import __main__ as program
from deployctl.lint import RULES, Finding, Place, Report
from deployctl.render.github.job import GithubJob
from deployctl.render.sarif import sarif as render_sarif
from deployctl.render.terminal.lint_lines import findings as render_findings
from deployctl.render.terminal.page import Page
from tests.lint.build import change, examples, repository

SCHEMA = json.loads((Path(deployctl.__file__).parent / "output.schema.json").read_text("utf-8"))
HOSTILE = "\x1b[31mred\x1b[0m ::error::x\n::add-mask::y ##[command]z \u202e%0A,:"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "DEPLOYCTL_DEBUG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return examples(tmp_path)


@pytest.fixture
def broken(place: Path) -> Path:
    change(place, "deploy-compose.yml", "tag: ${{ inputs.image-tag }}", "tag: latest")
    return place


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = program.run(("lint", *argv))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def document(text: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(text)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(read)] == []
    return read


# ---------------------------------------------------------------- exit statuses


@pytest.mark.usefixtures("place")
def test_a_chain_that_holds_is_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys)

    assert status == 0
    assert out == "the chain holds: 4 workflows, 1 deploy\n"
    assert err == ""


@pytest.mark.usefixtures("broken")
def test_findings_are_exit_3_with_place_rule_reason_and_fix(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, err = said(capsys)

    assert status == 3
    assert err == ""
    assert "deploy-compose.yml:59:16: tag-mutable\n" in out
    assert "'latest'" in out
    assert "  why: " in out
    assert "  fix: " in out
    assert out.endswith("1 finding in 4 workflows\n")


@pytest.mark.usefixtures("place")
def test_a_repository_without_a_deploy_says_that_nothing_was_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = repository(tmp_path / "other", ci="on: push\njobs: {a: {steps: [{run: make}]}}\n")

    status, out, _ = said(capsys, str(other))

    assert status == 0
    assert "no chain to check" in out


@pytest.mark.usefixtures("place")
def test_another_branch_can_be_the_one_that_deploys(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "--branch", "trunk")

    assert status == 3
    assert "not-main-only" in out


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("nowhere",), "workflows-missing"),
        (("--json", "--sarif"), "usage"),
        ((".", "more"), "usage"),
        (("--branch", ""), "usage"),
        (("bad",), "workflow-invalid"),
    ],
)
def test_wrong_input_is_exit_2_and_one_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: tuple[str, ...], code: str
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "w.yml").write_text("on: [\n")

    status, _, err = said(capsys, *argv)
    _, out, _ = said(capsys, *argv, "--json")

    assert status == 2
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert document(out)["error"]["code"] == code


# ---------------------------------------------------------------- JSON


@pytest.mark.usefixtures("broken")
def test_the_json_document_has_the_findings(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "--json")
    read = document(out)

    assert status == read["exit_status"] == 3
    assert read["error"] is None
    assert read["files"] == ["ci.yml", "deploy-compose.yml", "rollback.yml", "secrel.yml"]
    assert read["deploys"] == 1
    (finding,) = read["findings"]
    assert (finding["file"], finding["line"], finding["rule"]) == (
        "deploy-compose.yml",
        59,
        "tag-mutable",
    )


# ---------------------------------------------------------------- SARIF


@pytest.mark.usefixtures("broken")
def test_the_sarif_log_has_what_code_scanning_asks_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = said(capsys, "--sarif")
    log = json.loads(out)
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    (result,) = run["results"]

    assert status == 3
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    assert driver["name"] == "deployctl"
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert all(rule["fullDescription"]["text"] for rule in driver["rules"])
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "tag-mutable"
    assert result["message"]["text"]
    assert result["level"] == "warning"
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "deploy-compose.yml"},
        "region": {"startLine": 59, "startColumn": 16},
    }


def test_a_sarif_uri_is_one_whatever_the_file_is_called() -> None:
    log = json.loads(render_sarif(report("a b%#?.yml", "x")))

    (result,) = log["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "a%20b%25%23%3F.yml"


# ---------------------------------------------------------------- a workflow run


def report(file: str, reason: str) -> Report:
    return Report((Finding(Place(file, 7, 3), "tag-mutable", reason, "pass it"),), (file,), 1)


@pytest.mark.usefixtures("broken")
def test_in_a_workflow_each_finding_is_an_annotation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    status, out, err = said(capsys, "--json")

    assert status == 3
    assert document(out)["findings"]
    assert err.startswith(
        "::warning file=deploy-compose.yml,line=59,col=16,title=deployctl%3A tag-mutable::"
    )
    assert err.count("\n") == 1
    assert said(capsys, "--no-github")[2] == ""


@pytest.mark.usefixtures("broken")
def test_annotations_can_be_asked_for_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys)[2] == ""
    assert said(capsys, "--github")[2].startswith("::warning file=")


def test_an_annotation_is_one_command_whatever_the_workflow_says() -> None:
    stream = io.StringIO()

    GithubJob({}, stream).lint(report(f"{HOSTILE}.yml", HOSTILE))

    (line,) = stream.getvalue().splitlines()
    properties, _, message = line.removeprefix("::warning ").partition("::")
    assert [each.partition("=")[0] for each in properties.split(",")] == [
        "file",
        "line",
        "col",
        "title",
    ]
    assert "%250A" in message
    assert "##[" not in line
    assert line.isprintable()


def test_what_a_workflow_says_is_harmless_on_a_terminal() -> None:
    stream = io.StringIO()

    render_findings(Page(stream, color=False), report(f"{HOSTILE}.yml", HOSTILE))

    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)
    assert not any(line.lstrip().startswith("::") for line in lines)
    assert "##[" not in stream.getvalue()


# ---------------------------------------------------------------- start-up


def test_help_does_not_import_what_only_lint_needs(place: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from deployctl.__main__ import run; run(['--help']); "
        "print(sorted({'yaml', 'deployctl.lint'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True
    )

    assert done.stdout.endswith("[]\n")

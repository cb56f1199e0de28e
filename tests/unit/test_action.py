"""action.yml: valid, safe, and documented as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployctl.render.github import step_outputs
from tests.workflow_runner import ACTION, ROOT, Runner

TOOLS = Path(sys.executable).parent
TEXT = ACTION.read_text("utf-8")
READ: dict[str, Any] = yaml.safe_load(TEXT)
STEPS: list[dict[str, Any]] = READ["runs"]["steps"]
SCRIPTS = {step["name"]: step["run"] for step in STEPS if "run" in step}
MANUAL = (ROOT / "docs/github-actions.md").read_text("utf-8")
EMBEDDED_PYTHON = re.compile(r"python3 -I -c '\n(.*?)\n' ", re.DOTALL)


def _table(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading of the manual, by their first cell."""
    section = MANUAL.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    cells = ([cell.strip() for cell in row.strip("|").split(" | ")] for row in rows)
    return {first.strip("` "): rest for first, *rest in cells}


@pytest.mark.parametrize(
    "command",
    [
        ("check-jsonschema", "--builtin-schema", "vendor.github-actions"),
        ("zizmor", "--offline", "--no-progress"),
    ],
    ids=lambda command: command[0],
)
def test_the_action_has_no_findings(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [TOOLS / command[0], *command[1:], ACTION], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_of_the_action_have_no_findings(name: str) -> None:
    done = subprocess.run(
        [TOOLS / "shellcheck", "--norc", "--shell", "bash", "--severity", "style", "-"],
        input=SCRIPTS[name],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_no_expression_stands_in_a_script() -> None:
    assert not [name for name, script in SCRIPTS.items() if "${{" in script]


def test_other_actions_are_pinned_by_commit_with_their_version_beside() -> None:
    used = re.findall(r"(?m)^\s+(?:- )?uses: (.*)$", TEXT)

    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_every_input_reaches_the_last_step_as_a_variable() -> None:
    passed = set(re.findall(r"inputs\.([a-z-]+)", "".join(STEPS[-1]["env"].values())))

    assert passed == set(READ["inputs"])


def test_the_last_step_hands_over_to_deployctl() -> None:
    """A runner signals the process that it started: that has to be deployctl, not a shell."""
    assert SCRIPTS["deployctl"].rstrip().splitlines()[-1].startswith("exec ")


def test_the_outputs_are_those_that_deployctl_sets() -> None:
    assert set(READ["outputs"]) == set(step_outputs.NAMES)
    for name, output in READ["outputs"].items():
        assert output["value"] == f"${{{{ steps.{STEPS[-1]['id']}.outputs.{name} }}}}"


def test_the_manual_lists_every_input_with_its_default() -> None:
    listed = _table("Inputs")

    assert list(listed) == list(READ["inputs"])
    for name, (default, _) in listed.items():
        assert READ["inputs"][name]["default"] == default.strip("`").replace("empty", "")


def test_the_manual_lists_every_output_and_every_outcome() -> None:
    assert list(_table("Outputs")) == list(READ["outputs"])
    outcomes = MANUAL.partition("\n### Outcomes\n")[2].partition("\n## ")[0]
    assert set(step_outputs.OUTCOMES.values()) <= set(re.findall(r"`([a-z-]+)`", outcomes))


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("", "not found"),
        ("#!/bin/sh\necho 'python3 is 3.9.2' >&2\nexit 1\n", "python3 is 3.9.2"),
    ],
    ids=["none", "old"],
)
def test_without_a_python_that_will_do_the_action_says_what_to_add(
    tmp_path: Path, python: str, words: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "bash").symlink_to("/bin/bash")
    if python:
        (programs / "python3").write_text(python)
        (programs / "python3").chmod(0o755)

    ran = Runner(tmp_path, tmp_path, {"PATH": str(programs)}).action(service="web")

    assert ran.exit_status == 2, ran.log
    (error,) = ran.annotations()
    assert error.properties["title"] == "deployctl needs Python 3.11 or later"
    assert words in error.data
    assert "actions/setup-python" in error.data


def test_the_embedded_python_runs_where_it_has_to_refuse() -> None:
    """On an old Python it must get as far as the comparison: no newer syntax."""
    (script,) = EMBEDDED_PYTHON.findall(SCRIPTS["Find Python"])

    compile(script, "embedded", "exec")
    assert "f'" not in script
    assert 'f"' not in script

"""The example workflows and the action, before the checkers that everybody uses."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint.build import EXAMPLES, NAMES

BIN = Path(sys.executable).parent
ROOT = EXAMPLES.parents[1]
WORKFLOWS = [EXAMPLES / name for name in NAMES]
CHECKED = [*WORKFLOWS, ROOT / "action.yml"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_the_names_are_all_that_there_are() -> None:
    assert {path.name for path in EXAMPLES.glob("*.y*ml")} == set(NAMES)


def test_the_workflows_are_valid() -> None:
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_action_is_valid() -> None:
    done = run(
        BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml"
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", CHECKED, ids=lambda path: path.name)
def test_zizmor_has_no_findings(file: Path) -> None:
    done = run(BIN / "zizmor", "--offline", "--no-progress", "--no-config", file)

    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    text = WORKFLOWS[0].read_text("utf-8")
    bad = tmp_path / "ci.yml"
    bad.write_text(text.replace("run: make test", "run: echo ${{ github.head_ref }}"))

    assert run(BIN / "zizmor", "--offline", "--no-progress", "--no-config", bad).returncode != 0


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_commit_with_its_version_beside(file: Path) -> None:
    used = re.findall(r"(?m)^ *(?:- )?uses: (.*)$", file.read_text("utf-8"))
    others = [line for line in used if not line.startswith("./")]

    assert len(used) >= 2
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d[\w.]*", line) for line in others)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: path.name)
def test_permissions_are_none_but_those_of_a_job(file: Path) -> None:
    text = file.read_text("utf-8")

    assert "\npermissions: {}\n" in text
    assert text.count("    permissions:\n") == len(re.findall(r"(?m)^    (?:uses|steps):", text))

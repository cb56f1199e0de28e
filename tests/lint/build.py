"""Workflows for tests, and what the check says of them."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

from deployctl.lint import Finding, lint

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NAMES = ("ci.yml", "secrel.yml", "deploy-compose.yml", "rollback.yml")


def repository(directory: Path, **files: str) -> Path:
    """A repository with these workflows; `deploy_compose` is the file deploy-compose.yml."""
    workflows = directory / ".github" / "workflows"
    workflows.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        file = workflows / f"{name.replace('_', '-')}.yml"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    return directory


def examples(directory: Path) -> Path:
    """A copy of the example workflows."""
    for name in NAMES:
        shutil.copy(EXAMPLES / name, directory / name)
    return directory


def change(directory: Path, file: str, old: str, new: str) -> None:
    """Replace what stands exactly once in a file."""
    path = directory / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def line_of(directory: Path, file: str, text: str) -> int:
    """The number of the one line that has this text."""
    lines = (directory / file).read_text("utf-8").splitlines()
    (found,) = [number for number, line in enumerate(lines, 1) if text in line]
    return found


def findings(directory: Path) -> tuple[Finding, ...]:
    """What is found there."""
    return lint(directory, "main").findings


def rules(directory: Path) -> list[str]:
    """The rules that are not kept there."""
    return [finding.rule for finding in findings(directory)]

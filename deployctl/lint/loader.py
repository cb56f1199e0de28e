"""Reads the workflows of a directory; the only part of the check that does input."""

from __future__ import annotations

from pathlib import Path

from deployctl.errors import UsageError
from deployctl.lint.chain import Chain
from deployctl.lint.findings import Report
from deployctl.lint.rules import check
from deployctl.lint.workflow.document import MOST_BYTES, DocumentError
from deployctl.lint.workflow.reader import read
from deployctl.lint.workflow.values import Workflow

_MOST_FILES = 500
_NO_HOST = "no host was asked"


def lint(directory: Path, branch: str) -> Report:
    """Check the workflows of a repository.

    Args:
        directory: the repository, or a directory of workflows.
        branch: the only one that deploys may come from.

    Raises:
        UsageError: there are no workflows, or not all of them can be understood.
    """
    workflows = _read_all(_files(directory))
    try:
        chain = Chain({each.file_name: each for each in workflows}, branch)
        findings = tuple(check(chain))
    except DocumentError as error:
        raise _invalid([str(error)]) from None
    files = tuple(each.file for each in workflows)
    places = {each.position.step.place for each in chain.deploys}
    return Report(findings, files, len(places))


def _files(directory: Path) -> list[Path]:
    of_repository = directory / ".github" / "workflows"
    try:
        found = sorted(
            path
            for path in (of_repository if of_repository.is_dir() else directory).iterdir()
            if path.suffix in {".yml", ".yaml"} and path.is_file()
        )
    except OSError as error:
        raise _missing(f"{directory}: {error.strerror}") from None
    if not found:
        raise _missing(
            f"{directory}: there are no workflows, neither there nor in .github/workflows"
        )
    if len(found) > _MOST_FILES:
        raise _invalid([f"{directory}: more than {_MOST_FILES} workflows"])
    return found


def _read_all(files: list[Path]) -> list[Workflow]:
    """Read all files; what is wrong with them is told at once."""
    found, problems = [], []
    for path in files:
        shown = path.as_posix()
        try:
            found.append(read(_bytes(path), shown))
        except OSError as error:
            problems.append(f"{shown}: {error.strerror}")
        except DocumentError as error:
            problems.append(str(error))
    if problems:
        raise _invalid(problems)
    return found


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)  # enough to see that it is too long


def _missing(message: str) -> UsageError:
    return UsageError(
        "workflows-missing",
        message,
        state=_NO_HOST,
        hint="give the repository:\ndeployctl lint DIR",
    )


def _invalid(problems: list[str]) -> UsageError:
    count = len(problems)
    what = problems[0] if count == 1 else f"{count} workflows cannot be read"
    return UsageError(
        "workflow-invalid",
        what,
        details=problems if count > 1 else (),
        state=_NO_HOST,
        hint="correct it: GitHub does not run it either",
    )

"""Who asks, and from where: a step of a workflow, or a person at a terminal."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deployctl import workflow_events

if TYPE_CHECKING:
    from deployctl.release.origin import Origin, WorkflowRun
    from deployctl.workflow_events import WorkflowEvent


def origin(environment: Mapping[str, str]) -> Origin:
    """Who asks: a workflow's actor and run, or the user of this machine."""
    from deployctl.release.origin import Origin

    if workflow_events.in_workflow(environment):
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        repository, run = environment.get("GITHUB_REPOSITORY"), environment.get("GITHUB_RUN_ID")
        return Origin(
            by=environment.get("GITHUB_ACTOR", "unknown"),
            source="github-actions",
            run_url=f"{server}/{repository}/actions/runs/{run}" if repository and run else "",
            workflow_run=_workflow_run(environment),
        )
    return Origin(by=f"{_user()}@{socket.gethostname()}", source="terminal")


_LARGEST_PAYLOAD = 4 * 1024 * 1024
"""Bytes. GitHub's largest event of a run has a tenth of that."""


def workflow_event(environment: Mapping[str, str]) -> WorkflowEvent | None:
    """What started the workflow that this process is a step of; None: it is in none."""
    if environment.get("GITHUB_EVENT_NAME") != workflow_events.WORKFLOW_RUN:
        return workflow_events.of(environment)
    return workflow_events.of(environment, _payload(environment.get("GITHUB_EVENT_PATH", "")))


def _payload(path: str) -> str | None:
    """The event as GitHub sent it; None: it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST_PAYLOAD).decode()
    except (OSError, ValueError):
        return None


def _workflow_run(environment: Mapping[str, str]) -> WorkflowRun | None:
    """The run that GitHub's variables name, as https://docs.github.com/actions has them."""
    from deployctl.release.origin import WorkflowRun

    workflow = _workflow(environment)
    number, attempt = environment.get("GITHUB_RUN_NUMBER"), environment.get("GITHUB_RUN_ATTEMPT")
    if not workflow or not _counts(number):
        return None
    return WorkflowRun(
        workflow,
        int(number or 0),
        int(attempt or 0) if _counts(attempt) else 1,
        environment.get("GITHUB_SHA", ""),
    )


def _workflow(environment: Mapping[str, str]) -> str:
    """What counts the runs: the file of the workflow, whichever branch it is on."""
    path, _, _ = environment.get("GITHUB_WORKFLOW_REF", "").partition("@refs/")
    name, repository = environment.get("GITHUB_WORKFLOW"), environment.get("GITHUB_REPOSITORY")
    return path or (f"{repository}: {name}" if repository and name else "")


def _counts(text: str | None) -> bool:
    return text is not None and re.fullmatch("[1-9][0-9]{0,8}", text) is not None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user without a name

"""The events that start workflows of GitHub Actions, and which of them may change a host. Pure.

docs/gates.md#source says of each event who can start it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WORKFLOW_RUN = "workflow_run"

DEFAULT = ("push", "workflow_dispatch", "schedule", "release", "repository_dispatch")
"""What only somebody with write access to the repository starts, and a person meant to."""

OTHERS = (
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "image_version",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "project",
    "project_card",
    "project_column",
    "public",
    "registry_package",
    "status",
    "watch",
    WORKFLOW_RUN,
)
"""Those that an inventory may add: strangers start some of them, and programs most of the rest."""

LISTABLE = (*DEFAULT, *OTHERS)
"""What an inventory may list; https://docs.github.com/actions has them, in November 2026."""


def is_pull_request(event: str) -> bool:
    """Whether an event is one of a pull request's: code that nobody has merged. None may."""
    return event.startswith("pull_request")


@dataclass(frozen=True)
class Cause:
    """The run that started a `workflow_run`; empty words: the event does not say.

    Attributes:
        event: what had started that run.
        repository: OWNER/NAME that its commit came from: a fork's, of a pull request.
        branch: that its commit was on. A tag's name stands here, too.
    """

    event: str
    repository: str
    branch: str


@dataclass(frozen=True)
class WorkflowEvent:
    """What started the workflow that a command runs in; the runner's words, as they are.

    Attributes:
        name: of the event. In a reusable workflow it is the caller's.
        ref: full ref that the run is for.
        repository: OWNER/NAME of the workflow.
        cause: of a `workflow_run`, the run before it; None: another event, or not known.
    """

    name: str
    ref: str
    repository: str = ""
    cause: Cause | None = None

    @property
    def code_ref(self) -> str:
        """Full ref of the code that it is about: a `workflow_run` says it of its cause."""
        return f"refs/heads/{self.cause.branch}" if self.cause else self.ref

    def __str__(self) -> str:
        return f"{self.name} after {self.cause.event}" if self.cause else self.name


def of(environment: Mapping[str, str], payload: str | None = None) -> WorkflowEvent | None:
    """Return the event that a process's environment tells of; None: not in a workflow.

    Args:
        environment: with GITHUB_*, where a runner has set them.
        payload: what the file GITHUB_EVENT_PATH holds; only a `workflow_run` needs it.
    """
    if not in_workflow(environment):
        return None
    name = environment.get("GITHUB_EVENT_NAME", "")
    return WorkflowEvent(
        name,
        environment.get("GITHUB_REF", ""),
        environment.get("GITHUB_REPOSITORY", ""),
        _cause(payload) if name == WORKFLOW_RUN and payload is not None else None,
    )


def in_workflow(environment: Mapping[str, str]) -> bool:
    """Whether an environment is that of a step in GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def _cause(payload: str) -> Cause | None:
    import json

    try:
        run = _table(json.loads(payload)).get("workflow_run")
    except (ValueError, RecursionError):
        return None
    run = _table(run)
    repository = _table(run.get("head_repository"))
    return Cause(_text(run, "event"), _text(repository, "full_name"), _text(run, "head_branch"))


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""

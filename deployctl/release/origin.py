"""Who asks for a run, and from where. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkflowRun:
    """One attempt of one run of a workflow.

    Attributes:
        workflow: which one: OWNER/REPOSITORY/PATH. Each counts its own runs, over all branches.
        number: of the run: 1, 2, 3, …; running it again does not change it.
        attempt: 1, 2, 3, … of that run.
        commit: that it runs for; empty: not known.
    """

    workflow: str
    number: int
    attempt: int
    commit: str = ""

    @property
    def age(self) -> tuple[int, int]:
        """Sorts the runs of one workflow, the oldest first."""
        return self.number, self.attempt


@dataclass(frozen=True)
class Origin:
    """Who asks for a run, and from where; it is recorded in the history.

    Attributes:
        by: the actor of a workflow, or user@machine.
        source: "github-actions" or "terminal".
        run_url: of the workflow run; empty: none.
        workflow_run: the same, so that two can be told apart by age; None: not in a workflow.
    """

    by: str
    source: str
    run_url: str = ""
    workflow_run: WorkflowRun | None = None

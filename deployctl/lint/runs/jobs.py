"""What runs when a workflow starts: its jobs and those of the workflows that it calls.

A job of a called workflow is there once for every call, because it gets other inputs each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deployctl.lint.workflow.document import DocumentError
from deployctl.lint.workflow.values import Job, Step, Workflow

_DEEPEST_CALL = 10  # https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
_MOST_JOBS = 5000


@dataclass(eq=False)
class JobRun:
    """A job in one run of a workflow.

    Attributes:
        caller: the job that called its workflow; None: an event started it.
        needs: the jobs that it needs itself.
        called: the jobs of the workflow that it calls.
    """

    workflow: Workflow
    job: Job
    caller: JobRun | None
    needs: list[JobRun] = field(default_factory=list)
    called: list[JobRun] = field(default_factory=list)

    @property
    def root(self) -> Workflow:
        """The workflow that an event started."""
        return self.caller.root if self.caller else self.workflow

    @property
    def callers(self) -> list[JobRun]:
        """The jobs that led here, the nearest first."""
        return [self.caller, *self.caller.callers] if self.caller else []

    def need(self, name: str) -> JobRun | None:
        """Return a job that it needs, by its id."""
        return next((each for each in self.needs if each.job.id == name), None)

    def ancestors(self) -> list[JobRun]:
        """Return all jobs that must have ended before it begins."""
        found: dict[JobRun, None] = {}
        waiting = [need for each in (self, *self.callers) for need in each.needs]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found[each] = None
                waiting += [*each.needs, *each.called]
        return list(found)


@dataclass(frozen=True)
class Position:
    """A step of a job in one run."""

    job_run: JobRun
    index: int

    @property
    def step(self) -> Step:
        """The step."""
        return self.job_run.job.steps[self.index]

    def before(self) -> list[Position]:
        """Return all steps that come before it, in its job and in those that it waits for."""
        found = [position for each in self.job_run.ancestors() for position in steps_of(each)]
        return found + [Position(self.job_run, index) for index in range(self.index)]


def steps_of(job_run: JobRun) -> Iterator[Position]:
    """Return the steps of a job, in their order."""
    for index in range(len(job_run.job.steps)):
        yield Position(job_run, index)


def runs(workflows: Mapping[str, Workflow]) -> list[list[JobRun]]:
    """Return the jobs of every run that can start: one run for each workflow with an event.

    A workflow that is only called, but by nobody here, stands for itself.

    Args:
        workflows: by file name.

    Raises:
        DocumentError: calls multiply to more jobs than any run has.
    """
    called = {job.called_file for each in workflows.values() for job in each.jobs.values()}
    return [
        _Builder(workflows).jobs(each, None)
        for name, each in workflows.items()
        if not each.is_only_called or name not in called
    ]


class _Builder:
    def __init__(self, workflows: Mapping[str, Workflow]) -> None:
        self._workflows = workflows
        self._count = 0

    def jobs(self, workflow: Workflow, caller: JobRun | None) -> list[JobRun]:
        """Return the jobs of one call, and with them all that they call."""
        made = {job.id: JobRun(workflow, job, caller) for job in workflow.jobs.values()}
        self._count += len(made)
        if self._count > _MOST_JOBS:
            raise DocumentError(workflow.place, f"its calls make more than {_MOST_JOBS} jobs")
        for each in made.values():
            names = [need.value.lower() for need in each.job.needs]
            each.needs = [made[name] for name in names if name in made]
        for each in made.values():
            called = self._workflows.get(each.job.called_file)
            if called and len(each.callers) < _DEEPEST_CALL:
                each.called = self.jobs(called, each)
        return [*made.values(), *(inner for each in made.values() for inner in each.called)]

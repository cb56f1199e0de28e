"""The chain that leads to each deploy: what comes before it, and what else there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from deployctl.lint.runs.events import Scenario, wanted_events
from deployctl.lint.runs.jobs import JobRun, Position, runs, steps_of
from deployctl.lint.runs.simulation import Simulation
from deployctl.lint.sources.source import Source
from deployctl.lint.sources.trace import sources
from deployctl.lint.steps.deploys import Deploy, deploys, uses_deployctl
from deployctl.lint.steps.scans import Scan, scans
from deployctl.lint.steps.tests import is_test, is_test_step
from deployctl.lint.workflow.values import Workflow


@dataclass(frozen=True)
class DeployStep:
    """A deploy in one run, and what comes before it.

    Attributes:
        branch: the one that deploys come from.
    """

    deploy: Deploy
    position: Position
    branch: str

    @property
    def job_run(self) -> JobRun:
        """Its job."""
        return self.position.job_run

    @property
    def outermost(self) -> JobRun:
        """The job of the started workflow that it belongs to, where `needs` is written."""
        return [self.job_run, *self.job_run.callers][-1]

    @property
    def is_open(self) -> bool:
        """Whether its callers are not in these files: what comes before it cannot be seen."""
        return self.job_run.root.is_only_called

    @cached_property
    def tag_sources(self) -> list[Source]:
        """All that its tag can come from."""
        return sources(self.deploy.tag, self.position) if self.deploy.tag else []

    @cached_property
    def service_names(self) -> list[str]:
        """What its service can be, as far as that can be read."""
        found = sources(self.deploy.service, self.position)
        return sorted({source.text for source in found if source.text})

    @property
    def service(self) -> str:
        """The name of its service for messages; what cannot be read is shown as it is written."""
        return ", ".join(self.service_names) or self.deploy.service.text or "a service"

    @cached_property
    def deploying_events(self) -> list[Scenario]:
        """The events on its branch after which it can run when nothing fails."""
        return [
            scenario
            for scenario in wanted_events(self.job_run.root, self.branch)
            if Simulation(scenario).reaches(self.position) is not False
        ]

    @cached_property
    def before(self) -> list[Position]:
        """All steps before it."""
        return self.position.before()

    @cached_property
    def scans(self) -> list[tuple[Position, Scan]]:
        """The image scans before it."""
        return [(position, scan) for position in self.before for scan in scans(position.step)]

    @cached_property
    def test_jobs(self) -> list[JobRun]:
        """The jobs before it that run tests."""
        return [each for each in self.job_run.ancestors() if is_test(each.job)]

    @cached_property
    def test_steps(self) -> list[Position]:
        """The steps before it that run tests."""
        return [position for position in self.before if is_test_step(position.step)]


class Chain:
    """All runs that can start, and the deploys in them.

    Args:
        workflows: by file name.
        branch: the one that deploys come from.
    """

    def __init__(self, workflows: Mapping[str, Workflow], branch: str) -> None:
        self.workflows = workflows
        self.branch = branch
        self.runs = runs(workflows)

    @cached_property
    def deploys(self) -> list[DeployStep]:
        """Every deploy in every run."""
        return [
            DeployStep(deploy, position, self.branch)
            for position in self.positions()
            for deploy in deploys(position.step)
        ]

    @cached_property
    def closed_deploys(self) -> list[DeployStep]:
        """The deploys whose whole chain is in these files."""
        return [each for each in self.deploys if not each.is_open]

    @cached_property
    def uses_deployctl(self) -> bool:
        """Whether deployctl is called anywhere; otherwise none of this is about it."""
        return any(uses_deployctl(position.step) for position in self.positions())

    @cached_property
    def deploying_jobs(self) -> list[JobRun]:
        """All jobs of the runs that deploy."""
        deploying = {each.job_run for each in self.deploys}
        return [each for run in self.runs if deploying & set(run) for each in run]

    def positions(self) -> Iterator[Position]:
        """All steps of all runs."""
        for run in self.runs:
            for job_run in run:
                yield from steps_of(job_run)

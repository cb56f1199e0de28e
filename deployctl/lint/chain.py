"""The chain that leads to each deploy: what comes before it, and what else there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from deployctl.lint import graph
from deployctl.lint.graph import Instance, Position
from deployctl.lint.recognise import (
    Deploy,
    Scan,
    deploys,
    is_test,
    is_test_step,
    scans,
    uses_deployctl,
)
from deployctl.lint.workflow import Workflow


@dataclass(frozen=True)
class DeployStep:
    """A deploy in one run, and what comes before it."""

    deploy: Deploy
    position: Position

    @property
    def instance(self) -> Instance:
        """Its job."""
        return self.position.instance

    @property
    def outermost(self) -> Instance:
        """The job of the started workflow that it belongs to, where `needs` is written."""
        return [self.instance, *self.instance.callers][-1]

    @property
    def is_open(self) -> bool:
        """Whether its callers are not in these files: what comes before it cannot be seen."""
        return self.instance.root.is_only_called

    @cached_property
    def before(self) -> list[Position]:
        """All steps before it."""
        return self.position.before()

    @cached_property
    def scans(self) -> list[tuple[Position, Scan]]:
        """The image scans before it."""
        return [(position, scan) for position in self.before for scan in scans(position.step)]

    @cached_property
    def test_jobs(self) -> list[Instance]:
        """The jobs before it that run tests."""
        return [each for each in self.instance.ancestors() if is_test(each.job)]

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
        self.runs = graph.runs(workflows)

    @cached_property
    def deploys(self) -> list[DeployStep]:
        """Every deploy in every run."""
        return [
            DeployStep(deploy, position)
            for position in self.positions()
            for deploy in deploys(position.step)
        ]

    @cached_property
    def uses_deployctl(self) -> bool:
        """Whether deployctl is called anywhere; otherwise none of this is about it."""
        return any(uses_deployctl(position.step) for position in self.positions())

    @cached_property
    def deploying_jobs(self) -> list[Instance]:
        """All jobs of the runs that deploy."""
        deploying = {each.instance for each in self.deploys}
        return [each for run in self.runs if deploying & set(run) for each in run]

    def positions(self) -> Iterator[Position]:
        """All steps of all runs."""
        for run in self.runs:
            for instance in run:
                yield from graph.steps_of(instance)

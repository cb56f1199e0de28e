"""deployctl is the only way to the host, and of the two models a service has one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployctl.lint.chain import Chain
from deployctl.lint.rules.rule import Breach, rule
from deployctl.lint.runs.jobs import Position
from deployctl.lint.sources.trace import sources
from deployctl.lint.steps.gitops import gitops
from deployctl.lint.steps.other_ways import other_ways
from deployctl.lint.steps.script import Written


@rule(
    "second-way",
    title="deployctl is the only way to the host",
    why="A raw SSH step bypasses the chain: no scan, no lock, no record, no way back.",
    fix="use deployctl deploy, rollback or status; what else the host needs is not a "
    "workflow's business",
)
def _second_way(chain: Chain) -> Iterator[Breach]:
    for position in chain.positions() if chain.uses_deployctl else ():
        own = any("self-hosted" in label for label in position.job_run.job.runs_on)
        for place, what in other_ways(position.step, on_own_machine=own):
            yield Breach(place, f"this reaches for a host without deployctl: {what}")


@rule(
    "mixed-models",
    title="A service is deployed over SSH or through Git, not both",
    why="Two models undo each other's releases, and neither history tells what runs.",
    fix="keep one model for a service, until the other one has proved stable",
)
def _mixed_models(chain: Chain) -> Iterator[Breach]:
    services = {name for each in chain.deploys for name in each.service_names}
    for position in chain.positions() if services else ():
        place = gitops(position.step)
        named = _named_in(position, services) if place else []
        if place and named:
            yield Breach(place, f"{named[0]} is also deployed with deployctl over SSH")


def _named_in(position: Position, services: set[str]) -> list[str]:
    """The services that a step mentions, itself or through its inputs and variables."""
    step = position.step
    texts = [step.run.value] if step.run else []
    for scalar in (*step.inputs.values(), *step.environment.values()):
        found = sources(Written(scalar.value, scalar.place), position)
        texts += [scalar.value, *(source.text for source in found)]
    text = "\n".join(texts)
    return [
        name
        for name in sorted(services)
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    ]


RULES = (_second_way, _mixed_models)

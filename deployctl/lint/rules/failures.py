"""A scan or a test that fails: it fails its job, and nothing behind it runs."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.lint.chain import Chain, DeployStep
from deployctl.lint.findings import Place
from deployctl.lint.rules.rule import Breach, rule
from deployctl.lint.runs.events import Scenario
from deployctl.lint.runs.jobs import Instance
from deployctl.lint.runs.simulation import FAILURE, SKIPPED, Simulation, survives
from deployctl.lint.steps.pushes import pushes
from deployctl.lint.steps.tests import tests_ignored


@rule(
    "failure-ignored",
    title="A scan or a test that fails, fails its job",
    why="A check whose failure has no effect checks nothing.",
    fix="let the failure fail the job",
)
def _failure_ignored(chain: Chain) -> Iterator[Breach]:
    for each in chain.deploys:
        yield from _toothless_scans(each)
        yield from _toothless_tests(each)
        yield from _toothless_jobs(each)


def _toothless_scans(each: DeployStep) -> Iterator[Breach]:
    if all(scan.toothless for _, scan in each.scans):
        for _, scan in each.scans:
            yield Breach(scan.place, f"the scan cannot fail: {scan.toothless}")


def _toothless_tests(each: DeployStep) -> Iterator[Breach]:
    ignored = [tests_ignored(position.step) for position in each.test_steps]
    if all(ignored):
        for place, reason in filter(None, ignored):
            yield Breach(place, f"the tests cannot fail: {reason}")


def _toothless_jobs(each: DeployStep) -> Iterator[Breach]:
    for instance in _checking_jobs(each):
        always = instance.job.continue_on_error
        if always and always.value.strip().lower() == "true":
            reason = f"job {instance.job.id} counts as successful when it fails"
            yield Breach(always.place, reason)


@rule(
    "failure-passed",
    title="Nothing behind a failed scan or test runs",
    why="always() and !cancelled() switch off what `needs` promises.",
    fix="remove always(), failure() or !cancelled(): without them, all that it needs "
    "must have succeeded",
)
def _failure_passed(chain: Chain) -> Iterator[Breach]:
    for each in chain.closed_deploys:
        for place in (*_surviving_steps(each), *_surviving_jobs(each)):
            reason = "with this condition it runs although a scan or the tests failed"
            yield Breach(place, reason)


def _surviving_steps(each: DeployStep) -> Iterator[Place]:
    """Steps that push or deploy after a failure in their own job."""
    failing = [*(position for position, _ in each.scans), *each.test_steps]
    for later in (*each.before, each.position):
        matters = later == each.position or any(True for _ in pushes(later.step))
        for failed in failing if matters and later.step.condition else ():
            behind = failed.instance is later.instance and failed.index < later.index
            if behind and later.step.condition and survives(later, failed):
                yield later.step.condition.place


def _surviving_jobs(each: DeployStep) -> Iterator[Place]:
    """Jobs that run, up to the deploy, after a job has failed or was left out."""
    for scenario in each.deploying_events:
        for instance in _checking_jobs(each):
            for forced in _ends_badly(instance, each, scenario):
                simulation = Simulation(scenario, forced)
                if simulation.reaches(each.position) is not False:
                    yield from _culprits(each, simulation, instance)


def _ends_badly(
    instance: Instance, each: DeployStep, scenario: Scenario
) -> Iterator[dict[Instance, str]]:
    """How a checking job can end without success: with it, the jobs that called it fail."""
    if instance is each.instance:
        return
    around = [caller for caller in instance.callers if caller not in each.instance.callers]
    yield dict.fromkeys([instance, *around], FAILURE)
    if instance.job.condition and Simulation(scenario).runs(instance) is not True:
        yield {instance: SKIPPED}


def _culprits(each: DeployStep, simulation: Simulation, ended: Instance) -> Iterator[Place]:
    way = [*each.instance.ancestors(), each.instance, *each.instance.callers]
    culprits = [one for one in way if simulation.let_through(one)] or [ended]
    for one in culprits:
        yield one.job.condition.place if one.job.condition else one.job.place


def _checking_jobs(each: DeployStep) -> list[Instance]:
    scanning = [position.instance for position, _ in each.scans]
    return list(dict.fromkeys([*scanning, *each.test_jobs]))


RULES = (_failure_ignored, _failure_passed)

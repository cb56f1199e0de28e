"""A scan or a test that fails: it fails its job, and nothing behind it runs."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.lint.chain import Chain, DeployStep
from deployctl.lint.findings import Place
from deployctl.lint.rules.rule import Breach, rule
from deployctl.lint.runs.events import Scenario
from deployctl.lint.runs.jobs import JobRun
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
    for job_run in _checking_jobs(each):
        always = job_run.job.continue_on_error
        if always and always.value.strip().lower() == "true":
            reason = f"job {job_run.job.id} counts as successful when it fails"
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
            behind = failed.job_run is later.job_run and failed.index < later.index
            if behind and later.step.condition and survives(later, failed):
                yield later.step.condition.place


def _surviving_jobs(each: DeployStep) -> Iterator[Place]:
    """Jobs that run, up to the deploy, after a job has failed or was left out."""
    for scenario in each.deploying_events:
        for job_run in _checking_jobs(each):
            for forced in _ends_badly(job_run, each, scenario):
                simulation = Simulation(scenario, forced)
                if simulation.reaches(each.position) is not False:
                    yield from _culprits(each, simulation, job_run)


def _ends_badly(
    job_run: JobRun, each: DeployStep, scenario: Scenario
) -> Iterator[dict[JobRun, str]]:
    """How a checking job can end without success: with it, the jobs that called it fail."""
    if job_run is each.job_run:
        return
    around = [caller for caller in job_run.callers if caller not in each.job_run.callers]
    yield dict.fromkeys([job_run, *around], FAILURE)
    if job_run.job.condition and Simulation(scenario).runs(job_run) is not True:
        yield {job_run: SKIPPED}


def _culprits(each: DeployStep, simulation: Simulation, ended: JobRun) -> Iterator[Place]:
    way = [*each.job_run.ancestors(), each.job_run, *each.job_run.callers]
    culprits = [one for one in way if simulation.let_through(one)] or [ended]
    for one in culprits:
        yield one.job.condition.place if one.job.condition else one.job.place


def _checking_jobs(each: DeployStep) -> list[JobRun]:
    scanning = [position.job_run for position, _ in each.scans]
    return list(dict.fromkeys([*scanning, *each.test_jobs]))


RULES = (_failure_ignored, _failure_passed)

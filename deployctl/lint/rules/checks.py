"""The checks that a deploy needs: a scan of its image before the push, and tests."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.lint.chain import Chain, DeployStep
from deployctl.lint.findings import Place
from deployctl.lint.rules.rule import Breach, rule
from deployctl.lint.runs.jobs import Position
from deployctl.lint.runs.simulation import Simulation
from deployctl.lint.steps.pushes import pushes
from deployctl.lint.steps.scans import scans


@rule(
    "scan-missing",
    title="A deploy needs the job that scans the image",
    why="Without it, an unscanned image reaches production.",
)
def _scan_missing(chain: Chain) -> Iterator[Breach]:
    for each in chain.closed_deploys:
        if not each.scans:
            yield Breach(
                each.outermost.job.place,
                f"nothing that the deploy of {each.service} needs scans its image",
                "let the job `needs:` the one that builds, scans and pushes",
            )
        yield from _scans_left_out(each)


def _scans_left_out(each: DeployStep) -> Iterator[Breach]:
    """A scan with a condition that does not hold for every event that is deployed."""
    for position, _ in each.scans:
        condition = position.step.condition
        always = all(Simulation(one).reaches(position) is True for one in each.deploying_events)
        if condition and not always:
            yield Breach(
                condition.place,
                "the scan may be left out, and the deploy runs all the same",
                "remove the condition of the scan",
            )


@rule(
    "scan-after-push",
    title="The scan comes before the push",
    why="What is in the registry can be deployed, whatever a later scan says.",
    fix="build without pushing, scan, then push what was scanned",
)
def _scan_after_push(chain: Chain) -> Iterator[Breach]:
    for each in chain.closed_deploys:
        if not each.scans:  # that is a finding of its own
            continue
        for position in each.before:
            for place in pushes(position.step):
                if not _scanned_before(position, place):
                    yield Breach(place, "the image is pushed before it is scanned")


def _scanned_before(position: Position, place: Place) -> bool:
    if any(scan.place < place for scan in scans(position.step)):
        return True
    return any(True for earlier in position.before() for _ in scans(earlier.step))


@rule(
    "test-missing",
    title="A deploy needs the tests, by way of the scan",
    why="Without them, untested code reaches production.",
    fix="let the job that builds and scans `needs:` the tests",
)
def _test_missing(chain: Chain) -> Iterator[Breach]:
    for each in chain.closed_deploys:
        if not each.test_jobs and not each.test_steps:
            reason = f"nothing that the deploy of {each.service} needs runs tests"
            yield Breach(each.outermost.job.place, reason)


RULES = (_scan_missing, _scan_after_push, _test_missing)

"""The tag of a deploy: computed in one place, before the scan, and handed on from there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployctl.lint.chain import Chain, DeployStep
from deployctl.lint.findings import Place
from deployctl.lint.rules.rule import Breach, Finder, rule
from deployctl.lint.runs.jobs import JobRun, Position, steps_of
from deployctl.lint.sources.source import Kind, Source
from deployctl.lint.steps.script import place_in, script_of

_COMPUTES = re.compile(r"(?<![\w-])sha-\$|format\(\s*'sha-\{0\}'|type=sha\b", re.IGNORECASE)


@rule(
    "tag-recomputed",
    title="The tag is computed in one place",
    why="What is computed twice can differ, and then something else runs than was scanned.",
    fix="use the output that the chain passes on",
)
def _recomputed(chain: Chain) -> Iterator[Breach]:
    yield from _made_unscanned(chain)
    yield from _made_beside(chain)


def _made_unscanned(chain: Chain) -> Iterator[Breach]:
    """What makes a deploy's tag where no scan comes behind it."""
    for each in chain.deploys:
        for source in _made(each):
            if not _comes_before_scan(source.place, source.position, each):
                reason = (
                    f"the deploy of {each.service} gets {source.what}, made where no scan saw it"
                )
                yield Breach(source.place, reason)


def _made_beside(chain: Chain) -> Iterator[Breach]:
    """What makes another tag than that of the chain."""
    right_places = {place for each in chain.deploys for place in _right_places(each)}
    used = {source.place for each in chain.deploys for source in each.tag_sources}
    for job_run in chain.deploying_jobs:
        for place, position in _computations(job_run):
            if place not in used and not {place, _maker(place, position)} & right_places:
                yield Breach(place, "a tag is computed here, beside the one of the chain")


def _right_places(each: DeployStep) -> set[Place]:
    """Return the steps (or `env:`) that rightly compute a deploy's tag.

    Where its own come from elsewhere: the first that computes a tag before a scan, where the chain
    should begin.
    """
    right = {
        _maker(source.place, source.position)
        for source in _made(each)
        if _comes_before_scan(source.place, source.position, each)
    }
    if right or not each.scans:
        return right
    for job_run in dict.fromkeys(position.job_run for position in each.before):
        for place, position in _computations(job_run):
            if _comes_before_scan(place, position, each):
                return {_maker(place, position)}
    return set()


def _made(each: DeployStep) -> list[Source]:
    return [source for source in each.tag_sources if source.kind is Kind.COMPUTED]


def _maker(place: Place, position: Position | None) -> Place:
    """Return where the step stands that computes a tag; outside of steps, the text itself."""
    return position.step.place if position else place


def _comes_before_scan(place: Place, position: Position | None, each: DeployStep) -> bool:
    """Whether what makes a tag comes before a scan of the chain."""
    if position is None:
        # An `env:` of the whole workflow is one place, too.
        workflow = each.job_run.workflow
        return place in {scalar.place for scalar in workflow.environment.values()}
    if not each.scans:  # that is a finding of its own
        return each.is_open or position.job_run is not each.job_run
    return any(position == scan or position in scan.before() for scan, _ in each.scans)


def _computations(job_run: JobRun) -> Iterator[tuple[Place, Position | None]]:
    """Return where a job puts a tag together, and in which step if it is in one."""
    job = job_run.job
    for texts in (job.environment, job.outputs, job.inputs, job_run.workflow.environment):
        for scalar in texts.values():
            if _COMPUTES.search(scalar.value):
                yield scalar.place, None
    for position in steps_of(job_run):
        step = position.step
        for scalar in (*step.inputs.values(), *step.environment.values()):
            if _COMPUTES.search(scalar.value):
                yield scalar.place, position
        for command in script_of(step):
            if any(map(_COMPUTES.search, (*command.words, *command.assignments.values()))):
                yield place_in(step, command), position


def _given(kind: Kind) -> Finder:
    """Return what finds the deploys that are given a tag of one kind."""

    def find(chain: Chain) -> Iterator[Breach]:
        for each in chain.deploys:
            for source in each.tag_sources:
                if source.kind is kind:
                    yield Breach(source.place, f"the deploy of {each.service} gets {source.what}")

    return find


_mutable = rule(
    "tag-mutable",
    title="A deploy is never given latest, a branch or a version",
    why="Such a name points to other content over time: nobody can tell what runs.",
    fix="pass the output of the step that computes sha-${GITHUB_SHA::7}",
)(_given(Kind.MUTABLE))

_literal = rule(
    "tag-literal",
    title="A deploy is not given a tag that is written into the workflow",
    why="It gets stale: every push deploys the same old image.",
    fix="pass the output of the step that computes it; to go back, use rollback",
)(_given(Kind.LITERAL))

_foreign = rule(
    "tag-foreign",
    title="The tag comes from the job that built and scanned the image",
    why="A tag typed by hand or kept in a variable was never looked at by this run's scan.",
    fix="pass the output of the job that built and scanned the image; "
    "to go back to a tag, use rollback",
)(_given(Kind.FOREIGN))


RULES = (_recomputed, _mutable, _literal, _foreign)

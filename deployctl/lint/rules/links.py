"""What the chain names: outputs, inputs, jobs, workflows and secrets."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.lint.chain import Chain
from deployctl.lint.expressions.template import embedded
from deployctl.lint.expressions.tree import path, walk
from deployctl.lint.rules.rule import Breach, rule
from deployctl.lint.runs.jobs import JobRun
from deployctl.lint.sources.source import Kind
from deployctl.lint.sources.trace import sources
from deployctl.lint.workflow.document import Scalar


@rule(
    "link-broken",
    title="Every output, input and job that the chain names exists",
    why="GitHub takes what does not exist for an empty text, and says nothing.",
)
def _broken(chain: Chain) -> Iterator[Breach]:
    yield from _values(chain)
    yield from _jobs(chain)
    yield from _secrets(chain)


def _values(chain: Chain) -> Iterator[Breach]:
    """The tag and the digest of a deploy, and all that they come by."""
    for each in chain.deploys:
        if each.deploy.tag is None:
            yield Breach(
                each.position.step.place,
                f"the deploy of {each.service} is given no tag",
                "pass the tag that the scanning job outputs",
            )
        for what, written in (("tag", each.deploy.tag), ("digest", each.deploy.digest)):
            for source in sources(written, each.position) if written else ():
                if source.kind is Kind.BROKEN:
                    yield Breach(
                        source.place,
                        f"the {what} of the deploy of {each.service} is empty: {source.what}",
                        "correct the name, or declare and pass what it names",
                    )


def _jobs(chain: Chain) -> Iterator[Breach]:
    """The jobs and workflows that a deploying run names."""
    for job_run in chain.deploying_jobs:
        job = job_run.job
        for need in job.needs:
            if need.value.lower() not in job_run.workflow.jobs:
                reason = f"job {job.id} needs {need.value!a}, which does not exist"
                yield Breach(need.place, reason, "correct the job's name")
        if job.uses and job.called_file and job.called_file not in chain.workflows:
            reason = f"job {job.id} calls {job.called_file!a}, which is not here"
            yield Breach(job.uses.place, reason, "correct the file's name")


def _secrets(chain: Chain) -> Iterator[Breach]:
    """The secrets of a deploy in a called workflow, which its callers pass."""
    for each in chain.deploys:
        step, job = each.position.step, each.job_run.job
        texts = [*step.inputs.values(), *step.environment.values(), *job.environment.values()]
        for name in sorted({name for text in texts for name in _secrets_in(text)}):
            unpassing = _unpassing(each.job_run, name)
            if unpassing:
                yield Breach(
                    unpassing.job.place,
                    f"job {unpassing.job.id} does not pass the secret {name.upper()}, "
                    "which is therefore empty",
                    "pass it under `secrets:`",
                )


def _secrets_in(scalar: Scalar) -> Iterator[str]:
    for part in embedded(scalar.value):
        for expression in walk(part.expression):
            match path(expression):
                case ("secrets", name) if name != "github_token":
                    yield name


def _unpassing(job_run: JobRun, secret: str) -> JobRun | None:
    """Return the calling job that does not pass a secret on; a passed one may be renamed."""
    caller = job_run.caller
    if caller is None or caller.job.secrets is None:
        return _unpassing(caller, secret) if caller else None
    return None if secret in caller.job.secrets else caller


RULES = (_broken,)

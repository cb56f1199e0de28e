"""What an output or an input stands for: one step from a job or workflow to another."""

from __future__ import annotations

from dataclasses import dataclass

from deployctl.lint.runs.jobs import JobRun
from deployctl.lint.sources.source import End, Kind, Scope
from deployctl.lint.workflow.document import Scalar


@dataclass(frozen=True)
class Definition:
    """The text that a name stands for, and from where the names in it are looked up."""

    text: Scalar
    scope: Scope


def output_of_need(job: str, output: str, scope: Scope) -> Definition | End:
    """Follow `needs.job.outputs.output`."""
    job_run = scope.job_run
    need = job_run.need(job) if job_run else None
    if need is None:
        mine = f"job {job_run.job.id}" if job_run else "a workflow's output"
        return End(Kind.BROKEN, f"{mine} does not need a job {job!a}")
    return _output_of(need, output)


def output_of_called_job(job: str, output: str, scope: Scope) -> Definition | End:
    """Follow `jobs.job.outputs.output`, in the outputs of a called workflow."""
    found = next((each for each in scope.called if each.job.id == job), None)
    if found is None:
        return End(Kind.BROKEN, f"there is no job {job!a}")
    return _output_of(found, output)


def _output_of(job_run: JobRun, output: str) -> Definition | End:
    job = job_run.job
    if job.uses is None:
        written = job.outputs.get(output)
        scope = Scope(job_run, before=len(job.steps))
    elif job_run.called:
        written = job_run.called[0].workflow.called_outputs.get(output)
        scope = Scope(None, called=tuple(job_run.called))
    else:
        return End(Kind.UNSEEN, f"the workflow {job.uses.value}")
    if written is None:
        return End(Kind.BROKEN, f"job {job.id} has no output {output!a}")
    return Definition(written, scope)


def input_of_workflow(name: str, scope: Scope) -> Definition | End:
    """Follow `inputs.name`: to what the caller passes, else to the default."""
    job_run = scope.job_run
    if job_run is None:
        return End(Kind.BROKEN, f"inputs.{name} is not known there")
    workflow, caller = job_run.workflow, job_run.caller
    if caller is None and name in workflow.typed_inputs:
        return End(Kind.FOREIGN, f"the input {name!a} that a person types")
    if name not in workflow.called_inputs:
        return End(Kind.BROKEN, f"{workflow.file_name} has no input {name!a}")
    passed = caller.job.inputs.get(name) if caller else None
    given = passed or workflow.called_inputs[name]
    return Definition(given, Scope(caller)) if given else _input_not_given(name, job_run)


def _input_not_given(name: str, job_run: JobRun) -> End:
    workflow, caller = job_run.workflow, job_run.caller
    if caller:
        reason = f"job {caller.job.id} passes no input {name!a}"
        return End(Kind.BROKEN, reason, place=caller.job.place)
    if workflow.is_only_called:
        return End(Kind.UNSEEN, f"whoever calls {workflow.file_name}")
    return End(Kind.BROKEN, f"no event gives the input {name!a}")

"""The gates that every deploy model has: facts in, result out. docs/gates.md lists them all.

Pure. A gate never asks a host: what it needs is in its arguments. A refusal is raised as the error
that the user sees, with the rule, the evidence and what to do instead; a pass is its evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.errors import GateResult, RefusedError, UsageError
from deployctl.inventory import Gates
from deployctl.quoting import shown
from deployctl.release import suggest
from deployctl.release.checklist import Gate, gate
from deployctl.release.origin import Origin, WorkflowRun
from deployctl.release.record import History
from deployctl.release.reference import is_digest, tag_problem
from deployctl.release.release import Release
from deployctl.workflow_events import LISTABLE, WORKFLOW_RUN, WorkflowEvent, is_pull_request


@gate(Gate.TAG)
def tag_is_immutable(tag: str, gates: Gates) -> str:
    """The tag is a commit's, and nothing that can move."""
    problem = tag_problem(tag, long_tags=gates.long_tags)
    if problem:
        raise RefusedError(
            "tag-refused",
            f"not a release tag: {problem}",
            hint="pass the tag that came out of the workflow that built and scanned the image: "
            "sha- and 7 hex digits, like sha-1a2b3c4",
        )
    return f"{tag} is a commit tag"


def digest_is_wellformed(digest: str) -> None:
    """A digest that is given must be one; an empty one is a broken workflow, not 'no digest'."""
    if not is_digest(digest):
        what = "is empty" if not digest else f"is {shown(digest)}"
        raise UsageError(
            "digest-invalid",
            f"--digest {what}, not sha256: and 64 hex digits",
            hint="pass the digest that the push printed, as an output of its own",
        )


_NOT_IN_A_WORKFLOW = "not in a workflow"


@gate(Gate.SOURCE)
def source_may_deploy(event: WorkflowEvent | None, gates: Gates) -> str:
    """In GitHub Actions, only the events and refs that the inventory names may deploy."""
    if event is None:
        return _NOT_IN_A_WORKFLOW
    source_may_change(event, gates)
    if gates.source_refs and event.code_ref not in gates.source_refs:
        raise _source_refused(
            f"runs for {shown(event.code_ref)}; gates.source_refs allows "
            f"{', '.join(gates.source_refs)}",
            hint=_GUARD_OF_A_WORKFLOW_RUN
            if event.cause
            else "add if: github.ref == 'refs/heads/main' to the job, or the ref to the inventory",
        )
    return f"{event} for {event.code_ref}"


@gate(Gate.SOURCE)
def source_may_change(event: WorkflowEvent | None, gates: Gates) -> str:
    """Only the event counts, and any ref will do."""
    if event is None:
        return _NOT_IN_A_WORKFLOW
    if not event.name:
        raise _source_refused(
            "does not say which event started it (GITHUB_EVENT_NAME)",
            hint=_AS_A_STEP,
        )
    if is_pull_request(event.name):
        raise _source_refused(
            f"runs for the event {shown(event.name)}, which never changes a host: its code is not "
            "reviewed and merged",
            hint="start it from the workflow that runs after the merge",
        )
    if event.name not in gates.source_events:
        raise _source_refused(
            f"runs for the event {shown(event.name)}; gates.source_events allows "
            f"{', '.join(gates.source_events)}",
            hint=_how_to_allow(event.name, gates),
        )
    if event.name == WORKFLOW_RUN:
        _cause_may_change(event, gates)
    return f"{event} may change a host"


def _cause_may_change(event: WorkflowEvent, gates: Gates) -> None:
    """A `workflow_run` proves nothing by itself: the run that it follows is looked at."""
    cause = event.cause
    if cause is None:
        raise _source_refused(
            "does not say which run it follows (GITHUB_EVENT_PATH)", hint=_AS_A_STEP
        )
    if cause.repository != event.repository:
        problem = f"follows a run for code of {shown(cause.repository)}, not of this repository"
    elif is_pull_request(cause.event):
        problem = f"follows a {shown(cause.event)} run, whose code is not reviewed and merged"
    elif cause.event == WORKFLOW_RUN or cause.event not in gates.source_events:
        allowed = ", ".join(e for e in gates.source_events if e != WORKFLOW_RUN)
        problem = f"follows a {shown(cause.event)} run; gates.source_events allows {allowed}"
    else:
        return
    raise _source_refused(problem, hint=_GUARD_OF_A_WORKFLOW_RUN)


_AS_A_STEP = "start deployctl in a step of a job, with the environment that the runner sets"
_GUARD_OF_A_WORKFLOW_RUN = (
    "let the job run only after a push to main: add if: github.event.workflow_run.event == 'push' "
    "&& github.event.workflow_run.head_branch == 'main'"
)


def _how_to_allow(event: str, gates: Gates) -> str:
    if event not in LISTABLE:
        return "start it by one of those; docs/gates.md has the others that may be allowed"
    line = f"source_events = [{', '.join(map(_quoted, (*gates.source_events, event)))}]"
    if event != WORKFLOW_RUN:
        return (
            "start it by one of those. Only if nobody without write access can start this one, "
            f"write into [gates] of the inventory:\n{line}"
        )
    return (
        "best deploy in a job of the workflow that it follows, with needs:. A workflow_run also "
        "follows runs for pull requests of forks, with your secrets, and GITHUB_REF is the "
        "default branch all the same. If it has to be, check event, head_repository and "
        "head_branch of github.event.workflow_run in the job's if:, and then write into [gates] "
        f"of the inventory:\n{line}"
    )


def _quoted(event: str) -> str:
    return f'"{event}"'


def _source_refused(problem: str, *, hint: str) -> RefusedError:
    return RefusedError("source-refused", f"this workflow {problem}", hint=hint)


def before_a_deploy(
    tag: str, digest: str | None, gates: Gates, event: WorkflowEvent | None
) -> Iterator[GateResult]:
    """Ask the gates of a deploy that need neither a host nor a repository, one after the other.

    Raises:
        RefusedError: one of them refuses.
        UsageError: --digest is not a digest.
    """
    yield tag_is_immutable(tag, gates)
    if digest is not None:
        digest_is_wellformed(digest)
    yield source_may_deploy(event, gates)


@gate(Gate.EXPECT_CURRENT)
def current_is_expected(expected: str | None, running: Release | None) -> str:
    """What the caller believes to run is what runs."""
    if expected is None:
        return "not asked for"
    runs = running.tag if running else "nothing, or a mixture of releases"
    if runs != expected:
        raise RefusedError(
            "current-unexpected",
            f"what runs here is {shown(runs) if running else runs}, and --expect-current says that "
            f"it must be {shown(expected)}",
            hint="look at what was deployed in between:\ndeployctl history",
        )
    return f"{expected} runs"


@gate(Gate.ORDER)
def run_is_not_older(origin: Origin, recorded: History, service: str) -> str:
    """A workflow's older run never overwrites a newer one's release.

    Only runs of the same workflow are compared, as others count by themselves. It is the newest
    run that counts, not the last one: it stays the newest after a rollback from its release.
    """
    run = origin.workflow_run
    if run is None:
        return _NOT_IN_A_WORKFLOW
    newest = recorded.newest_run_of(run.workflow, service)
    if newest is None or newest.workflow_run is None:
        return f"{_run(run)} is the first of its workflow here"
    if run.age < newest.workflow_run.age:
        raise RefusedError(
            "run-older",
            f"{_run(run)} of {shown(run.workflow)} is older than {_run(newest.workflow_run)}, "
            f"whose {newest.action} of {newest.release.tag} was recorded here at {newest.at}",
            hint=suggest.hint(
                "start a new run; to go back on purpose:", suggest.deployctl("rollback", service)
            ),
        )
    return f"{_run(run)} is not older than {_run(newest.workflow_run)}"


def is_news(origin: Origin, recorded: History, service: str) -> bool:
    """Whether a run of a workflow is newer than all of its workflow that the history knows.

    If what it asks for runs already, that must be recorded: an older run that comes late would
    put its release over it.
    """
    run = origin.workflow_run
    newest = recorded.newest_run_of(run.workflow, service) if run else None
    known = newest.workflow_run if newest else None
    return run is not None and (known is None or run.age > known.age)


def _run(run: WorkflowRun) -> str:
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    return f"run {run.number}{attempt}"

"""The gates: facts in, verdict out. Pure. docs/how-a-deploy-works.md lists them.

A gate never asks a host: what it needs is in its arguments. A refusal is raised as the error
that the user sees, with the rule, the evidence and what to do instead; a pass is a Verdict.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from deployctl import suggest
from deployctl.compose.facts import FetchedImage, Hold, HostFacts
from deployctl.compose.project import Configuration, ConfiguredService
from deployctl.errors import BusyError, RefusedError, UsageError
from deployctl.history import Entry, History
from deployctl.image import is_digest, tag_problem
from deployctl.inventory import ComposeService, Gates, GitopsService, Registry, Service, Signature
from deployctl.model import Container, Origin, Release, Stranger, UnfinishedRun, WorkflowRun
from deployctl.quoting import shown
from deployctl.verdict import Verdict
from deployctl.workflow_events import LISTABLE, WORKFLOW_RUN, WorkflowEvent, is_pull_request


@dataclass(frozen=True)
class Dependency:
    """A service that the deployed one needs, and how it is on the host.

    Attributes:
        name: in the compose files.
        condition: what depends_on asks of it; empty for what is needed only by way of another.
        containers: all of them, of any state.
        changes: what is known to have changed since they were made, see drift.changes_since_made.
        as_made: Compose is known to leave them as they are, see drift.is_as_made.
    """

    name: str
    condition: str
    containers: tuple[Container, ...]
    changes: tuple[str, ...] = ()
    as_made: bool = False

    @property
    def changed(self) -> bool:
        """Whether a plain `docker compose up` is known to make it anew."""
        return bool(self.changes)

    @property
    def absent(self) -> bool:
        """Whether it has no container on the host: then it is started first."""
        return not self.containers

    @property
    def well(self) -> bool:
        """Whether it is up and healthy, or a one-shot that ended well."""
        if self.condition == "service_completed_successfully":
            return all(c.status == "exited" and c.exit_code == 0 for c in self.containers)
        return all(c.well for c in self.containers)


def tag_is_immutable(tag: str, gates: Gates) -> Verdict:
    """Gate 1: the tag is a commit's, and nothing that can move."""
    problem = tag_problem(tag, long_tags=gates.long_tags)
    if problem:
        raise RefusedError(
            "tag-refused",
            f"not a release tag: {problem}",
            hint="pass the tag that came out of the workflow that built and scanned the image: "
            "sha- and 7 hex digits, like sha-1a2b3c4",
        )
    return Verdict("tag", True, f"{tag} is a commit tag")


def digest_is_wellformed(digest: str) -> None:
    """A digest that is given must be one; an empty one is a broken workflow, not 'no digest'."""
    if not is_digest(digest):
        what = "is empty" if not digest else f"is {shown(digest)}"
        raise UsageError(
            "digest-invalid",
            f"--digest {what}, not sha256: and 64 hex digits",
            hint="pass the digest that the push printed, as an output of its own",
        )


_NOT_IN_A_WORKFLOW = Verdict("source", True, "not in a workflow")


def source_may_deploy(event: WorkflowEvent | None, gates: Gates) -> Verdict:
    """Gate 2: in GitHub Actions, only the events and refs that the inventory names may deploy."""
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
    return Verdict("source", True, f"{event} for {event.code_ref}")


def source_may_change(event: WorkflowEvent | None, gates: Gates) -> Verdict:
    """Gate 2 of all else that changes a host: only the event counts, and any ref will do."""
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
    return Verdict("source", True, f"{event} may change a host")


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


def without_host(
    tag: str,
    digest: str | None,
    service: Service,
    gates: Gates,
    event: WorkflowEvent | None,
) -> Iterator[Verdict]:
    """Ask the gates of a deploy that need no host, one after the other.

    Raises:
        RefusedError: one of them refuses.
        UsageError: --digest is not a digest.
    """
    yield tag_is_immutable(tag, gates)
    if digest is not None:
        digest_is_wellformed(digest)
    yield source_may_deploy(event, gates)
    yield model_is_compose(service)


def without_host_or_tag(
    service: Service, gates: Gates, event: WorkflowEvent | None
) -> Iterator[Verdict]:
    """Ask the gates of a rollback, hold or unhold that need no host.

    Raises:
        RefusedError: one of them refuses.
    """
    yield source_may_change(event, gates)
    yield model_is_compose(service)


def model_is_compose(service: Service) -> Verdict:
    """Gate 3: a service that Flux applies is not deployed over SSH."""
    deployed_over_ssh(service)
    return Verdict("model", True, "compose")


def deployed_over_ssh(service: Service) -> ComposeService:
    """Return the service; raise a RefusedError if Flux applies it."""
    match service:
        case ComposeService():
            return service
        case GitopsService():
            raise RefusedError(
                "model-refused",
                f"{service.name} is deployed by Git and Flux (model = 'gitops'), "
                "so nothing is changed over SSH",
                hint="commit the tag to the infra repository; never mix the two models",
            )


def not_busy(facts: HostFacts, host: str, directory: str, *, wait: float) -> Verdict:
    """Nobody else changes the host now; the transaction's lock has the last word.

    Args:
        facts: of the host.
        host: its name.
        directory: deployctl's own on it.
        wait: seconds to wait for another run.
    """
    if facts.holder and not wait:
        raise busy(host, facts.holder)
    if facts.stranger and not wait:
        raise lock_taken(host, facts.stranger, directory)
    waited_for = facts.holder or facts.stranger
    return Verdict("busy", True, "another run is waited for" if waited_for else "no other run")


def lock_taken(host: str, stranger: Stranger, directory: str) -> BusyError:
    """Return the error for a lock that is held by something else than a run.

    Args:
        host: its name.
        stranger: what holds it, as far as that can be seen.
        directory: deployctl's own on the host, in which the lock is.
    """
    lock = posixpath.join(directory, "lock")
    return BusyError(
        "lock-taken",
        f"the lock in {directory} on {host} is held by no run of deployctl, but by {stranger.text}",
        hint=suggest.hint(
            "end it if it has no business there. On the host, as root: the last line keeps other "
            "users from the lock, the others show who has it:",
            suggest.look_at_process(stranger.pid),
            suggest.typed("fuser", "-v", lock),
            suggest.typed("chmod", "go=", lock),
        ),
    )


def busy(host: str, holder: UnfinishedRun) -> BusyError:
    """Return the error that names who holds a host."""
    look = holder.follow_command(host) or suggest.deployctl("status")
    return BusyError(
        "busy",
        f"{host} is busy: {holder.text}",
        hint=suggest.hint("wait for it (--wait 10m), or watch it:", look),
    )


def no_hold(facts: HostFacts) -> Verdict:
    """Gate 4: nobody asked for deploys to stop."""
    if facts.hold:
        raise held(facts.hold)
    return Verdict("hold", True, "no hold is set")


def held(hold: Hold) -> BusyError:
    """Return the error that names who holds the deploys of a service, since when and why."""
    return BusyError(
        "hold",
        f"deploys of this service are {hold.text}",
        hint="wait, or talk to them (it is lifted with deployctl unhold); a rollback stays allowed",
    )


def current_is_expected(expected: str | None, running: Release | None) -> Verdict:
    """Gate 5: what the caller believes to run is what runs."""
    if expected is None:
        return Verdict("expect-current", True, "not asked for")
    runs = running.tag if running else "nothing, or a mixture of releases"
    if runs != expected:
        raise RefusedError(
            "current-unexpected",
            f"what runs here is {shown(runs) if running else runs}, and --expect-current says that "
            f"it must be {shown(expected)}",
            hint="look at what was deployed in between:\ndeployctl history",
        )
    return Verdict("expect-current", True, f"{expected} runs")


def run_is_not_older(origin: Origin, recorded: History, service: str) -> Verdict:
    """Gate 5, second part: a workflow's older run never overwrites a newer one's release.

    Only runs of the same workflow are compared, as others count by themselves. It is the newest
    run that counts, not the last one: it stays the newest after a rollback from its release.
    """
    run = origin.workflow_run
    if run is None:
        return Verdict("order", True, "not in a workflow")
    newest = recorded.newest_run_of(run.workflow, service)
    if newest is None or newest.workflow_run is None:
        return Verdict("order", True, f"{_run(run)} is the first of its workflow here")
    if run.age < newest.workflow_run.age:
        raise RefusedError(
            "run-older",
            f"{_run(run)} of {shown(run.workflow)} is older than {_run(newest.workflow_run)}, "
            f"whose {newest.action} of {newest.release.tag} was recorded here at {newest.at}",
            hint=suggest.hint(
                "start a new run; to go back on purpose:", suggest.deployctl("rollback", service)
            ),
        )
    return Verdict("order", True, f"{_run(run)} is not older than {_run(newest.workflow_run)}")


def image_follows_tag(
    service: str,
    configuration: Configuration,
    tag_variable: str,
    registry: Registry | None = None,
) -> Verdict:
    """Gate 9, first part: the image comes from a registry, under the given tag."""
    configured = _configured(service, configuration)
    if configured.builds:
        raise RefusedError(
            "build-section",
            f"{service} has a build: section: it would be built on the host, unscanned",
            hint="keep image: only in the compose files that the host uses",
        )
    if not configured.uses_tag:
        raise RefusedError(
            "tag-not-used",
            f"the image of {service} does not end in :${{{tag_variable}}}, "
            "so the tag would change nothing",
            hint=f"write image: REGISTRY/NAME:${{{tag_variable}}} in the compose file",
        )
    image = configured.image_with(f"${{{tag_variable}}}")
    if registry is not None and registry.server != image.registry:
        raise RefusedError(
            "registry-mismatch",
            f"{image} comes from {image.registry}, and the inventory's login is for "
            f"{registry.server}",
            hint=f"compare services.{service}.registry with the compose file; "
            "the password is given to no other registry",
        )
    return Verdict("image", True, f"{image} comes from a registry")


def tag_is_not_shared(service: ComposeService, configuration: Configuration) -> Verdict:
    """Gate 9, second part: a tag that is kept in .env is that of one service.

    Otherwise a plain `docker compose up` by hand would start the others with this one's tag.
    """
    if not service.persist:
        return Verdict("persist", True, "the tag is not kept in .env")
    sharing = configuration.sharing_tag(service.name)
    if sharing:
        raise RefusedError(
            "tag-shared",
            f"persist = true keeps {service.tag_variable} of {service.name} in .env, but "
            f"{', '.join(map(shown, sharing))} in the compose files follows it, too",
            hint="give each service a variable of its own, in the compose file and as tag_variable "
            "in the inventory, or leave persist out",
        )
    return Verdict("persist", True, f"{service.tag_variable} in .env serves {service.name} only")


def dependencies_are_well(dependencies: Iterable[Dependency]) -> Verdict:
    """Gate 9, second part: what the service needs is there, or can be started."""
    unwell = [d for d in dependencies if not d.absent and not d.well]
    if unwell:
        raise RefusedError(
            "dependency-unhealthy",
            f"{_list(unwell)}: a new release would have nothing to work with",
            hint="fix it first; deployctl never touches a dependency that is there",
        )
    return Verdict("dependencies", True, _list(dependencies) or "none")


def dependency_warnings(dependencies: Iterable[Dependency]) -> tuple[str, ...]:
    """The same for a rollback, which only warns."""
    return tuple(
        f"dependency {d.name} is not healthy ({_condition_of(d)})"
        for d in dependencies
        if not d.absent and not d.well
    )


def dependency_changes(dependencies: Iterable[Dependency]) -> tuple[str, ...]:
    """Return what is worth knowing of dependencies that a plain `up` by hand would recreate."""
    return tuple(
        f"dependency {d.name} was started with {' and '.join(d.changes)} than today's: this run "
        "does not touch it, a plain docker compose up would recreate it"
        for d in dependencies
        if d.changed
    )


def digest_is_expected(tag: str, digest: str | None, fetched: FetchedImage) -> Verdict:
    """Gate 6, first part: the registry serves what was scanned."""
    if digest is not None and digest not in {fetched.digest, *fetched.digests}:
        raise RefusedError(
            "digest-mismatch",
            f"the registry serves {fetched.digest or 'unknown content'} for {tag}, "
            f"not the --digest {digest} that was scanned",
            hint="find out who pushed the tag again; deploy only what the scan saw",
        )
    served = fetched.digest or fetched.image_id
    said = f"the registry serves {served}"
    return Verdict(
        "digest", True, f"{said}, as --digest says" if digest else f"{said}; no --digest"
    )


def running_digest_is_expected(tag: str, digest: str | None, known: Collection[str]) -> Verdict:
    """The same for what runs already: `known` are the digests of it."""
    if digest is not None and digest not in known:
        raise RefusedError(
            "digest-mismatch",
            f"{tag} runs here already, with another digest than --digest {digest}",
            hint="find out who pushed the tag again; deploy only what the scan saw",
        )
    return Verdict("digest", True, f"what runs is {digest}" if digest else "no --digest given")


def tag_stays(tag: str, fetched: FetchedImage, recorded: Entry | None) -> Verdict:
    """Gate 6, second part: the registry serves what it served before."""
    if recorded and not _same_content(recorded.release, fetched):
        raise RefusedError(
            "tag-moved",
            f"{tag} has moved: the registry serves {fetched.digest or fetched.image_id}, "
            f"and {recorded.release.digest or recorded.release.image_id} was recorded here "
            f"under this tag at {recorded.at}",
            hint="a commit's tag is pushed once; build the change as a commit of its own",
        )
    said = f"as recorded at {recorded.at}" if recorded else "not deployed here before"
    return Verdict("tag-stays", True, said)


def revision_matches(tag: str, fetched: FetchedImage, *, required: bool = False) -> Verdict:
    """Gate 7: the label says which commit the image was made of."""
    if not fetched.revision and required:
        raise RefusedError(
            "revision-missing",
            f"the image behind {tag} does not say which commit it was made of",
            hint="label it in the build: --label org.opencontainers.image.revision=$GITHUB_SHA",
        )
    if not fetched.revision:
        return Verdict("revision", True, "the image has no revision label")
    if not fetched.revision.startswith(tag.removeprefix("sha-")):
        raise RefusedError(
            "revision-mismatch",
            f"the image behind {tag} was made from commit {shown(fetched.revision)}",
            hint="the tag was computed twice, or pushed from another commit: compute it once",
        )
    return Verdict("revision", True, f"commit {shown(fetched.revision)}")


def signature_verifies(fetched: FetchedImage, signature: Signature | None) -> Verdict:
    """Gate 8: whoever has the private key vouches for this very digest."""
    if signature is None:
        return Verdict("signature", True, "the inventory asks for none")
    if not fetched.cosign:
        raise RefusedError(
            "cosign-missing",
            "the inventory asks for a signature, and the host has no cosign to verify it",
            hint="install cosign on the host (apt-get install cosign, on Debian 13)",
        )
    said = fetched.signatures.get(fetched.digest)
    wanted = ", ".join(f"{name}={value}" for name, value in signature.annotations)
    with_these = f" with {wanted}" if wanted else ""
    if said is None or said.status != 0:
        raise RefusedError(
            "signature-refused",
            f"no signature{with_these} by the inventory's key over "
            f"{fetched.digest or 'a digest that docker does not tell'} could be verified",
            hint="sign the digest after the scan, with that key: cosign sign --key …",
            details=said.lines[-5:] if said else (),
        )
    return Verdict("signature", True, f"over {fetched.digest}{with_these}, by the inventory's key")


def recorded_content(entries: Iterable[Entry], tag: str) -> Entry | None:
    """Return the last run of a tag, succeeded or not: the tag must still have its content."""
    found = [e for e in entries if e.release.tag == tag]
    return found[-1] if found else None


def _configured(service: str, configuration: Configuration) -> ConfiguredService:
    configured = configuration.services.get(service)
    if configured is None:
        known = ", ".join(sorted(configuration.services)) or "none"
        raise RefusedError(
            "service-unknown",
            f"the compose files on the host have no service {service} (they have: {known})",
            hint="compare services in the inventory with the compose files",
        )
    return configured


def _run(run: WorkflowRun) -> str:
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    return f"run {run.number}{attempt}"


def _same_content(recorded: Release, fetched: FetchedImage) -> bool:
    return recorded.image_id == fetched.image_id or (
        bool(recorded.digest) and recorded.digest in fetched.digests
    )


def _list(dependencies: Iterable[Dependency]) -> str:
    return ", ".join(f"{d.name} {_condition_of(d)}" for d in dependencies)


def _condition_of(dependency: Dependency) -> str:
    if dependency.absent:
        return "is not there yet and is started first"
    words = sorted({f"{c.status}, {c.health}" for c in dependency.containers})
    return f"is {'; '.join(words)}"

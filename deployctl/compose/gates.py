"""The gates of a service that Docker Compose runs: facts in, result out. docs/gates.md lists them.

Pure. As with those in release.gates, a refusal is raised and a pass is its evidence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from deployctl.compose.container import ComposeContainer, Dependency, Need
from deployctl.compose.facts import FetchedImage, HostFacts
from deployctl.compose.lock import busy, lock_taken
from deployctl.compose.project import COMPLETED, STARTED, Configuration, ConfiguredService
from deployctl.errors import BusyError, RefusedError
from deployctl.inventory import ComposeService, Registry, Signature
from deployctl.quoting import shown
from deployctl.release.checklist import Gate, gate
from deployctl.release.hold import Hold
from deployctl.release.record import Entry
from deployctl.release.release import Release


@gate(Gate.BUSY)
def not_busy(facts: HostFacts, host: str, service: ComposeService, *, wait: float) -> str:
    """Nobody else changes the host now; the transaction's lock has the last word.

    Args:
        facts: of the host.
        host: its name.
        service: that is to be changed on it.
        wait: seconds to wait for another run.
    """
    if facts.holder and not wait:
        raise busy(host, facts.holder, service.name)
    if facts.stranger and not wait:
        raise lock_taken(host, facts.stranger, service.state_directory)
    waited_for = facts.holder or facts.stranger
    return "another run is waited for" if waited_for else "no other run"


@gate(Gate.HOLD)
def no_hold(facts: HostFacts) -> str:
    """Nobody asked for deploys to stop."""
    if facts.hold:
        raise held(facts.hold)
    return "no hold is set"


def held(hold: Hold) -> BusyError:
    """Return the error that names who holds the deploys of a service, since when and why."""
    return BusyError(
        "hold",
        f"deploys of this service are {hold.text}",
        hint="wait, or talk to them (it is lifted with deployctl unhold); a rollback stays allowed",
        gate=Gate.HOLD,
    )


@gate(Gate.IMAGE)
def image_follows_tag(
    service: str,
    configuration: Configuration,
    tag_variable: str,
    registry: Registry | None = None,
) -> str:
    """The image comes from a registry, under the given tag."""
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
    return f"{image} comes from a registry"


@gate(Gate.PERSIST)
def tag_is_not_shared(service: ComposeService, configuration: Configuration) -> str:
    """A tag that is kept in .env is that of one service.

    Otherwise a plain `docker compose up` by hand would start the others with this one's tag.
    """
    if not service.persist:
        return "the tag is not kept in .env"
    sharing = configuration.sharing_tag(service.name)
    if sharing:
        raise RefusedError(
            "tag-shared",
            f"persist = true keeps {service.tag_variable} of {service.name} in .env, but "
            f"{', '.join(map(shown, sharing))} in the compose files follows it, too",
            hint="give each service a variable of its own, in the compose file and as tag_variable "
            "in the inventory, or leave persist out",
        )
    return f"{service.tag_variable} in .env serves {service.name} only"


@gate(Gate.DEPENDENCIES)
def dependencies_are_well(dependencies: Iterable[Dependency], tag: str = "") -> str:
    """What the service needs is there, or can be started.

    Args:
        dependencies: of the service.
        tag: what is deployed; empty: not known yet.
    """
    unwell = [d for d in dependencies if d.need(tag) is Need.PERSON]
    if unwell:
        raise RefusedError(
            "dependency-unhealthy",
            f"{_list(unwell, tag)}: a new release would have nothing to work with",
            hint="fix it first; deployctl never touches a dependency that is there"
            + "".join(map(_if_it_is_a_job, unwell)),
        )
    return _list(dependencies, tag) or "none"


def _if_it_is_a_job(dependency: Dependency) -> str:
    ended = all(c.status == "exited" and c.exit_code == 0 for c in dependency.containers)
    if dependency.condition != STARTED or not ended:
        return ""
    return (
        f". If {dependency.name} does its work and ends, the compose file shall ask for "
        f"`condition: {COMPLETED}`"
    )


def dependency_warnings(dependencies: Iterable[Dependency], tag: str) -> tuple[str, ...]:
    """The same for a rollback, which only warns, and never runs a one-shot."""
    return tuple(
        f"dependency {d.name} {_warning(d, tag)}"
        for d in dependencies
        if d.need(tag) in {Need.RUN, Need.WAIT, Need.PERSON}
    )


def _warning(dependency: Dependency, tag: str) -> str:
    if not dependency.one_shot:
        return f"is not healthy ({_state_of(dependency)})"
    if dependency.need(tag) is not Need.RUN:
        return f"has not ended well ({_state_of(dependency)})"
    if dependency.absent:
        return "is not there: a rollback does not run it"
    if all(c.status == "created" for c in dependency.containers):
        return "was never run: a rollback does not run it"
    tags = ", ".join(sorted({c.reference.tag for c in dependency.containers}))
    return f"ran for {tags} last, and {_state_of(dependency)}: a rollback does not run it again"


def dependency_changes(dependencies: Iterable[Dependency]) -> tuple[str, ...]:
    """Return what is worth knowing of dependencies that a plain `up` by hand would recreate."""
    return tuple(
        f"dependency {d.name} was started with {' and '.join(d.changes)} than today's: this run "
        "does not touch it, a plain docker compose up would recreate it"
        for d in dependencies
        if d.changed and not d.runs_for_each_release
    )


@gate(Gate.DIGEST)
def digest_is_expected(tag: str, digest: str | None, fetched: FetchedImage) -> str:
    """The registry serves what was scanned."""
    if digest is not None and digest not in {fetched.digest, *fetched.digests}:
        raise RefusedError(
            "digest-mismatch",
            f"the registry serves {fetched.digest or 'unknown content'} for {tag}, "
            f"not the --digest {digest} that was scanned",
            hint="find out who pushed the tag again; deploy only what the scan saw",
        )
    served = fetched.digest or fetched.image_id
    said = f"the registry serves {served}"
    return f"{said}, as --digest says" if digest else f"{said}; no --digest"


@gate(Gate.DIGEST)
def running_digest_is_expected(tag: str, digest: str | None, known: Collection[str]) -> str:
    """The same for what runs already: `known` are the digests of it."""
    if digest is not None and digest not in known:
        raise RefusedError(
            "digest-mismatch",
            f"{tag} runs here already, with another digest than --digest {digest}",
            hint="find out who pushed the tag again; deploy only what the scan saw",
        )
    return f"what runs is {digest}" if digest else "no --digest given"


@gate(Gate.TAG_STAYS)
def tag_stays(tag: str, fetched: FetchedImage, recorded: Entry | None) -> str:
    """The registry serves what it served before."""
    if recorded and not _same_content(recorded.release, fetched):
        raise RefusedError(
            "tag-moved",
            f"{tag} has moved: the registry serves {fetched.digest or fetched.image_id}, "
            f"and {recorded.release.digest or recorded.release.image_id} was recorded here "
            f"under this tag at {recorded.at}",
            hint="a commit's tag is pushed once; build the change as a commit of its own",
        )
    return f"as recorded at {recorded.at}" if recorded else "not deployed here before"


@gate(Gate.REVISION)
def revision_matches(tag: str, fetched: FetchedImage, *, required: bool = False) -> str:
    """The label says which commit the image was made of."""
    if not fetched.revision and required:
        raise RefusedError(
            "revision-missing",
            f"the image behind {tag} does not say which commit it was made of",
            hint="label it in the build: --label org.opencontainers.image.revision=$GITHUB_SHA",
        )
    if not fetched.revision:
        return "the image has no revision label"
    if not fetched.revision.startswith(tag.removeprefix("sha-")):
        raise RefusedError(
            "revision-mismatch",
            f"the image behind {tag} was made from commit {shown(fetched.revision)}",
            hint="the tag was computed twice, or pushed from another commit: compute it once",
        )
    return f"commit {shown(fetched.revision)}"


@gate(Gate.SIGNATURE)
def signature_verifies(fetched: FetchedImage, signature: Signature | None) -> str:
    """Whoever has the private key vouches for this very digest."""
    if signature is None:
        return "the inventory asks for none"
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
    return f"over {fetched.digest}{with_these}, by the inventory's key"


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


def _same_content(recorded: Release, fetched: FetchedImage) -> bool:
    return recorded.image_id == fetched.image_id or (
        bool(recorded.digest) and recorded.digest in fetched.digests
    )


_FIRST = {
    Need.START: "is not there yet and is started first",
    Need.START_ALONE: "is not there yet and is started first",
    Need.RUN: "is run first",
}


def _list(dependencies: Iterable[Dependency], tag: str) -> str:
    return ", ".join(f"{d.name} {_condition_of(d, tag)}" for d in dependencies)


def _condition_of(dependency: Dependency, tag: str) -> str:
    need = dependency.need(tag)
    waited_for = " and is waited for" if need is Need.WAIT else ""
    return _FIRST.get(need) or f"{_state_of(dependency)}{waited_for}"


def _state_of(dependency: Dependency) -> str:
    words = sorted({_state_of_one(dependency, c) for c in dependency.containers})
    return f"is {'; '.join(words)}"


def _state_of_one(dependency: Dependency, container: ComposeContainer) -> str:
    if dependency.one_shot and container.status == "exited":
        return f"exited ({container.exit_code})"
    loops = ", crashes again and again" if container.crash_loops else ""
    return f"{container.status}, {container.health}{loops}"

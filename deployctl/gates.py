"""The gates: facts in, verdict out. Pure. docs/how-a-deploy-works.md lists them.

A gate never asks a host: what it needs is in its arguments. A refusal is raised as the error
that the user sees, with the rule, the evidence and what to do instead; a pass is a Verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deployctl.compose import Configuration, ConfiguredService
from deployctl.errors import BusyError, RefusedError, UsageError
from deployctl.facts import FetchedImage, Holder, HostFacts
from deployctl.history import Entry
from deployctl.image import is_digest, shown, tag_problem
from deployctl.inventory import Gates, Service
from deployctl.model import Container, Release, Verdict


@dataclass(frozen=True)
class Dependency:
    """A service that the deployed one needs, and how it is on the host."""

    name: str
    condition: str
    containers: tuple[Container, ...]

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
            hint="pass the tag that the secrel workflow computed once and scanned: "
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


def source_may_deploy(environment: Mapping[str, str], gates: Gates) -> Verdict:
    """Gate 2: in GitHub Actions, only the refs that the inventory names may deploy."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return Verdict("source", True, "not in a workflow")
    event = environment.get("GITHUB_EVENT_NAME", "")
    ref = environment.get("GITHUB_REF", "")
    if event.startswith("pull_request"):
        raise RefusedError(
            "source-refused",
            f"a {shown(event)} event never deploys: its code is not reviewed and merged",
            hint="deploy from the workflow that runs after the merge",
        )
    if gates.source_refs and ref not in gates.source_refs:
        raise RefusedError(
            "source-refused",
            f"this workflow runs for {shown(ref)}; gates.source_refs allows "
            f"{', '.join(gates.source_refs)}",
            hint="add if: github.ref == 'refs/heads/main' to the job, or the ref to the inventory",
        )
    return Verdict("source", True, f"{event} for {ref}")


def model_is_compose(service: Service) -> Verdict:
    """Gate 3: a service that Flux applies is not deployed over SSH."""
    if service.model != "compose":
        raise RefusedError(
            "model-refused",
            f"{service.name} is deployed by Git and Flux (model = {service.model!r}), "
            "so nothing is changed over SSH",
            hint="commit the tag to the infra repository; never mix the two models",
        )
    return Verdict("model", True, "compose")


def not_busy(facts: HostFacts, host: str, *, wait: float) -> Verdict:
    """Nobody else changes the host now; the transaction's lock has the last word."""
    if facts.holder and not wait:
        raise busy(host, facts.holder)
    return Verdict("busy", True, "another run is waited for" if facts.holder else "no other run")


def busy(host: str, holder: Holder) -> BusyError:
    """Return the error that names who holds a host."""
    run = holder.run or "RUN"
    return BusyError(
        "busy",
        f"{host} is busy: {holder.text}",
        hint=f"wait for it (--wait 10m), or watch it: deployctl follow {host} {run}",
    )


def no_hold(facts: HostFacts) -> Verdict:
    """Gate 4: nobody asked for deploys to stop."""
    if facts.hold:
        raise BusyError(
            "hold",
            f"deploys to this host are {facts.hold.text}",
            hint="wait, or talk to them; a rollback stays allowed",
        )
    return Verdict("hold", True, "no hold is set")


def current_is_expected(expected: str | None, running: Release | None) -> Verdict:
    """Gate 5: what the caller believes to run is what runs."""
    if expected is None:
        return Verdict("expect-current", True, "not asked for")
    runs = running.tag if running else "nothing, or a mixture"
    if runs != expected:
        raise RefusedError(
            "current-unexpected",
            f"{shown(runs)} runs, not {shown(expected)}, as --expect-current says",
            hint="look at what was deployed in between: deployctl history",
        )
    return Verdict("expect-current", True, f"{expected} runs")


def image_follows_tag(service: str, configuration: Configuration, tag_variable: str) -> Verdict:
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
    return Verdict("image", True, f"{image} comes from a registry")


def dependencies_are_well(dependencies: Iterable[Dependency]) -> Verdict:
    """Gate 9, second part: what the service needs is there, or can be started."""
    unwell = [d for d in dependencies if not d.absent and not d.well]
    if unwell:
        raise RefusedError(
            "dependency-unhealthy",
            f"{_list(unwell)}: a new release would have nothing to work with",
            hint="mend it first; deployctl never touches a dependency that is there",
        )
    return Verdict("dependencies", True, _list(dependencies) or "none")


def dependency_warnings(dependencies: Iterable[Dependency]) -> tuple[str, ...]:
    """The same for a rollback, which only warns."""
    return tuple(
        f"dependency {d.name} is not healthy ({_condition_of(d)})"
        for d in dependencies
        if not d.absent and not d.well
    )


def content_is_expected(
    tag: str, digest: str | None, fetched: FetchedImage, recorded: Entry | None
) -> tuple[Verdict, ...]:
    """Gate 6: the registry serves what was scanned, and what it served before."""
    if digest is not None and digest not in {fetched.digest, *fetched.digests}:
        raise RefusedError(
            "digest-mismatch",
            f"the registry serves {fetched.digest or 'unknown content'} for {tag}, "
            f"not the --digest {digest} that was scanned",
            hint="find out who pushed the tag again; deploy only what the scan saw",
        )
    if recorded and not _same_content(recorded.release, fetched):
        raise RefusedError(
            "tag-moved",
            f"{tag} has moved: the registry serves {fetched.digest or fetched.image_id}, "
            f"and {recorded.release.digest or recorded.release.image_id} was recorded here "
            f"under this tag at {recorded.at}",
            hint="a commit's tag is pushed once; build the change as a commit of its own",
        )
    said = f"equals {digest}" if digest else "no --digest given"
    return (
        Verdict("digest", True, said),
        Verdict("tag-stays", True, "as recorded" if recorded else "not deployed here before"),
    )


def revision_matches(tag: str, fetched: FetchedImage) -> Verdict:
    """Gate 7: the label says which commit the image was made of."""
    if not fetched.revision:
        return Verdict("revision", True, "the image has no revision label")
    if not fetched.revision.startswith(tag.removeprefix("sha-")):
        raise RefusedError(
            "revision-mismatch",
            f"the image behind {tag} was made from commit {shown(fetched.revision)}",
            hint="the tag was computed twice, or pushed from another commit: compute it once",
        )
    return Verdict("revision", True, f"commit {shown(fetched.revision)}")


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


def _list(dependencies: Iterable[Dependency]) -> str:
    return ", ".join(f"{d.name} {_condition_of(d)}" for d in dependencies)


def _condition_of(dependency: Dependency) -> str:
    if dependency.absent:
        return "is not there yet and is started first"
    words = sorted({f"{c.status}, {c.health}" for c in dependency.containers})
    return f"is {'; '.join(words)}"

"""The points about the Compose project: its files, and the containers that it has."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.compose import drift, gates
from deployctl.compose.notes import short_wait
from deployctl.compose.points.finding import Subject, judged, ok, ruled, warning
from deployctl.compose.points.registry import repository_of
from deployctl.compose.service import ConfiguredOnHost, ServiceOnHost
from deployctl.release import suggest
from deployctl.release.check import CheckFinding

_MOST_PROBLEMS = 5


def files(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether the compose files can be read."""
    count = len(subject.service.compose_files)
    said = f"{subject.service.directory} and {count} compose file{'s' * (count > 1)} can be read"
    yield from ruled(subject, "files", said)


def image(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether the service's image follows the tag."""
    service, configuration = subject.service, subject.facts.configuration
    if configuration:
        yield judged(
            "image",
            lambda: gates.image_follows_tag(
                service.name, configuration, service.tag_variable, service.registry
            ),
        )


def health(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether health_timeout leaves the health check its time."""
    configuration, service = subject.facts.configuration, subject.service
    configured = configuration and configuration.services.get(service.name)
    if not configured or not configured.start_period:
        return
    if problem := short_wait(service, configured.start_period):
        yield warning(
            "health",
            "health-timeout-short",
            problem,
            f"set health_timeout in services.{service.name} of the inventory to more than that, or "
            "a shorter start_period in the compose files",
        )
    else:
        said = f"health_timeout, {service.health_timeout:g} s, covers the start_period"
        yield ok("health", f"{said}, {configured.start_period:g} s")


def leftovers(subject: Subject) -> Iterator[CheckFinding]:
    """Name what a recreate that was cut off has left."""
    here = ServiceOnHost.found(subject.service, subject.facts)
    if names := drift.leftover_names(here):
        yield warning(
            "containers",
            "left-over",
            f"left over from a recreate that was cut off or failed, and never started: {names}; a "
            "docker compose up by hand can take down what serves",
            suggest.hint(
                "the next deploy or rollback that changes something removes it; or now, on the "
                "host:",
                *(suggest.docker_remove(c.id) for c in here.leftovers[:_MOST_PROBLEMS]),
            ),
        )


def dependencies(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether what the service needs is well."""
    configuration = subject.facts.configuration
    if configuration:
        here = ConfiguredOnHost.of(subject.service, subject.facts, configuration)
        yield judged("dependencies", lambda: gates.dependencies_are_well(here.dependencies))


def rollback(subject: Subject) -> Iterator[CheckFinding]:
    """Judge where a rollback without a tag would go."""
    status = drift.judge(subject.facts, subject.service, subject.host.name)
    if not status.rollback:
        kept = drift.kept_unrecorded(subject.facts, status.service)
        yield warning(
            "rollback",
            "rollback-none",
            f"a rollback without a tag goes nowhere: {status.rollback_refusal}",
            drift.deploy_of_kept(kept, status.service)
            if kept
            else suggest.hint(
                "a deploy that succeeds gives one; or name a tag:",
                suggest.deployctl("history", status.service),
            ),
        )
        return
    tag = status.rollback.release.tag
    if status.rollback_image_present:
        yield ok("rollback", f"goes to {tag}, whose image is on the host")
    else:
        yield warning(
            "rollback",
            "rollback-image-missing",
            f"the image of {tag}, where it goes to, is not on the host: it would need the registry",
            suggest.hint("on the host:", _pull(subject, tag)),
        )


def _pull(subject: Subject, tag: str) -> str:
    repository = suggest.repository_or(repository_of(subject), "REPOSITORY")
    return suggest.typed("docker", "pull", f"{repository}:{tag}") if suggest.is_tag(tag) else ""

"""Docker Compose, as values: command lines to run and the configuration it resolves. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployctl.inventory import parse_duration
from deployctl.release.reference import Reference
from deployctl.ssh.command import Command

# Stands in for the tag when the configuration is resolved: what depends on the tag can be seen,
# and the configuration's hash does not depend on it.
TAG_PLACEHOLDER = "deployctl-tag-placeholder"
DEFAULT_STOP_GRACE = 10.0
"""Seconds; Compose's own."""

STARTED, HEALTHY, COMPLETED = CONDITIONS = (
    "service_started",
    "service_healthy",
    "service_completed_successfully",
)
"""What depends_on can ask of a service, the least first, which is meant where it says nothing."""


@dataclass(frozen=True)
class ConfiguredService:
    """A service as `docker compose config` resolves it.

    Attributes:
        image: with the placeholder where the tag belongs; empty: it has no image.
        builds: it has a build section.
        replicas: containers that it should have.
        dependencies: services that it needs, by name; the value is the condition.
        stop_grace: seconds that its containers may take to stop.
        start_period: seconds in which a failed health check does not count; 0: none, or not known.
    """

    image: str
    builds: bool
    replicas: int
    dependencies: Mapping[str, str]
    stop_grace: float = DEFAULT_STOP_GRACE
    start_period: float = 0.0

    @property
    def uses_tag(self) -> bool:
        """Whether the given tag is the image's tag."""
        return Reference.parse(self.image).tag == TAG_PLACEHOLDER

    def image_with(self, tag: str) -> Reference:
        """Return the image that the tag makes."""
        return Reference.parse(self.image.replace(TAG_PLACEHOLDER, tag))


@dataclass(frozen=True)
class Configuration:
    """The project's resolved configuration.

    Attributes:
        project: the Compose project's name.
        services: by name.
        hash: SHA-256 of it, in hex; the tag is not in it.
    """

    project: str
    services: Mapping[str, ConfiguredService]
    hash: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, hash: str) -> Configuration:  # noqa: A002
        """Take what deployctl needs from `docker compose config --format json`."""
        services = value.get("services")
        return cls(
            project=str(value.get("name", "")),
            services={
                str(name): _service(service)
                for name, service in (services if isinstance(services, dict) else {}).items()
                if isinstance(service, dict)
            },
            hash=hash,
        )

    def needed_by(self, service: str) -> tuple[str, ...]:
        """Return all services that one depends on, those needed first coming first."""
        found: list[str] = []
        # Each service is entered once, and the way down is a list: neither a cycle, which compose
        # itself refuses, nor a long chain is the end of it.
        entered = {service}
        way_down = [(service, self._needs(service))]
        while way_down:
            name, rest = way_down[-1]
            needed = next(rest, None)
            if needed is None:
                way_down.pop()
                found.append(name)
            elif needed not in entered:
                entered.add(needed)
                way_down.append((needed, self._needs(needed)))
        return tuple(found[:-1])

    def conditions_on(self, service: str) -> dict[str, str]:
        """Return the same services, with the most that is asked of each: one of CONDITIONS."""
        needed = self.needed_by(service)
        asked: dict[str, set[str]] = {name: {STARTED} for name in needed}
        for name in (service, *needed):
            known = self.services.get(name)
            for other, condition in known.dependencies.items() if known else ():
                asked.setdefault(other, set()).add(condition)
        return {name: _most(asked[name]) for name in needed}

    def need_one_shots(self, services: Sequence[str]) -> frozenset[str]:
        """Return those of the services that need one that has to run to its end, directly or not.

        services: as needed_by has them: what one needs comes before it.
        """
        found: set[str] = set()
        for name in services:
            known = self.services.get(name)
            needs = known.dependencies.items() if known else ()
            if any(condition == COMPLETED or other in found for other, condition in needs):
                found.add(name)
        return frozenset(found)

    def _needs(self, service: str) -> Iterator[str]:
        known = self.services.get(service)
        return iter(known.dependencies if known else ())

    def sharing_tag(self, service: str) -> tuple[str, ...]:
        """Return the other services whose image follows the same tag variable."""
        return tuple(n for n, s in self.services.items() if n != service and s.uses_tag)


def compose_argv(compose_files: Sequence[str]) -> tuple[str, ...]:
    """Return `docker compose -f …` for a project's files, in their order."""
    return ("docker", "compose", *(word for file in compose_files for word in ("-f", file)))


def up(
    compose_files: Sequence[str], service: str, tag_variable: str, tag: str, *, alone: bool = True
) -> Command:
    """Return the command that makes a service run a tag, and touches nothing else.

    alone: do not even look at what the service needs.
    """
    no_deps = ("--no-deps",) if alone else ()
    options = ("up", "-d", *no_deps, "--no-build", "--pull", "never")
    return Command(
        (*compose_argv(compose_files), *options, service), environment={tag_variable: tag}
    )


def start(
    compose_files: Sequence[str], service: str, tag_variable: str, tag: str, *, alone: bool = False
) -> Command:
    """Return the command that starts a service that is not there; not `alone`: and its needs."""
    no_deps = ("--no-deps",) if alone else ()
    options = ("up", "-d", "--no-recreate", *no_deps, "--no-build")
    return Command(
        (*compose_argv(compose_files), *options, service), environment={tag_variable: tag}
    )


def run_once(compose_files: Sequence[str], service: str, tag_variable: str, tag: str) -> Command:
    """Return the command that runs a one-shot for a release, and touches nothing else."""
    options = ("up", "-d", "--no-deps", "--pull", "missing", "--no-build")
    return Command(
        (*compose_argv(compose_files), *options, service), environment={tag_variable: tag}
    )


def _most(conditions: Container[str]) -> str:
    return max(CONDITIONS, key=lambda c: (c in conditions, CONDITIONS.index(c)))


def _service(value: Mapping[str, Any]) -> ConfiguredService:
    deploy = value.get("deploy")
    replicas = deploy.get("replicas") if isinstance(deploy, dict) else None
    scale = value.get("scale", replicas)
    return ConfiguredService(
        image=str(value.get("image", "")),
        builds="build" in value,
        replicas=scale if isinstance(scale, int) and scale > 0 else 1,
        dependencies=_dependencies(value.get("depends_on")),
        stop_grace=_seconds(value.get("stop_grace_period"), DEFAULT_STOP_GRACE),
        start_period=_start_period(value.get("healthcheck")),
    )


def _start_period(healthcheck: object) -> float:
    if not isinstance(healthcheck, dict) or healthcheck.get("disable"):
        return 0.0
    return _seconds(healthcheck.get("start_period"), 0.0)


def _seconds(duration: object, default: float) -> float:
    """Compose writes "1m30s"; what cannot be read is the default."""
    try:
        return parse_duration(duration) if isinstance(duration, str) else default
    except ValueError:
        return default


def _dependencies(value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {
            str(name): str(how.get("condition", "")) if isinstance(how, dict) else ""
            for name, how in value.items()
        }
    return {str(name): "" for name in value} if isinstance(value, list) else {}

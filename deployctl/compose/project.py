"""Docker Compose, as values: command lines to run and the configuration it resolves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployctl.release.reference import Reference
from deployctl.ssh.command import Command

# Stands in for the tag when the configuration is resolved: what depends on the tag can be seen,
# and the configuration's hash does not depend on it.
TAG_PLACEHOLDER = "deployctl-tag-placeholder"


@dataclass(frozen=True)
class ConfiguredService:
    """A service as `docker compose config` resolves it.

    Attributes:
        image: with the placeholder where the tag belongs; empty: it has no image.
        builds: it has a build section.
        replicas: containers that it should have.
        dependencies: services that it needs, by name; the value is the condition.
    """

    image: str
    builds: bool
    replicas: int
    dependencies: Mapping[str, str]

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


def start(compose_files: Sequence[str], service: str, tag_variable: str, tag: str) -> Command:
    """Return the command that starts a service that is not there, and what it needs."""
    options = ("up", "-d", "--no-recreate", "--no-build")
    return Command(
        (*compose_argv(compose_files), *options, service), environment={tag_variable: tag}
    )


def _service(value: Mapping[str, Any]) -> ConfiguredService:
    deploy = value.get("deploy")
    replicas = deploy.get("replicas") if isinstance(deploy, dict) else None
    scale = value.get("scale", replicas)
    return ConfiguredService(
        image=str(value.get("image", "")),
        builds="build" in value,
        replicas=scale if isinstance(scale, int) and scale > 0 else 1,
        dependencies=_dependencies(value.get("depends_on")),
    )


def _dependencies(value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {
            str(name): str(how.get("condition", "")) if isinstance(how, dict) else ""
            for name, how in value.items()
        }
    return {str(name): "" for name in value} if isinstance(value, list) else {}

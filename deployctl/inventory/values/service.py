"""Services, one type for each deploy model."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from deployctl.inventory.values.environment import EnvironmentProblem, environment_error


@dataclass(frozen=True)
class Registry:
    """How a host logs in to the registry of a service's image, for as long as it fetches.

    Attributes:
        server: "HOST" or "HOST:PORT", as images name it; "docker.io" for Docker Hub.
        username: login there.
        password: password or token (a secret: never shown); None: there is none, so the host's own
            login counts.
        problems: what the environment lacks for it; it matters to those who fetch.
    """

    server: str
    username: str
    password: str | None = field(default=None, repr=False)
    problems: tuple[EnvironmentProblem, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is a login to give to the host."""
        return self.password is not None and not self.problems

    def require(self) -> None:
        """Raise a UsageError if the environment lacks what the inventory takes from it."""
        if self.problems:
            raise environment_error(f"registry {self.server}", self.problems)


@dataclass(frozen=True)
class ComposeService:
    """One service of a Compose project, which deployctl deploys over SSH.

    Attributes:
        name: the service's name in the compose files.
        hosts: names of the hosts, in the order in which they are deployed.
        directory: absolute path on the host where docker compose is called.
        compose_files: paths, absolute or relative to `directory`, in the order of the `-f`
            options.
        tag_variable: name of the environment variable that carries the tag.
        health_timeout: seconds that a new release has to become healthy.
        stable: seconds that a release must stay up without a restart; None: 5 for a service
            without a health check, 0 with one.
        keep: known-good releases kept on the host for rollback; 0: all.
        state_directory: absolute path of deployctl's files on the host.
        persist: whether the deployed tag is kept in the project's .env, for a plain
            `docker compose up` by hand.
        registry: how to log in where its image comes from; None: the host's own login counts.
    """

    name: str
    hosts: tuple[str, ...]
    directory: str
    compose_files: tuple[str, ...]
    tag_variable: str = "IMAGE_TAG"
    health_timeout: float = 60.0
    stable: float | None = None
    keep: int = 5
    state_directory: str = ""
    persist: bool = False
    registry: Registry | None = None

    @property
    def project_directory(self) -> str:
        """The directory that Compose takes for the project's: that of the first file."""
        first = posixpath.join(self.directory, self.compose_files[0])
        return posixpath.normpath(posixpath.dirname(first))

    @property
    def env_file(self) -> str:
        """The file that Compose reads variables from, which is in the project's directory."""
        return posixpath.join(self.project_directory, ".env")


@dataclass(frozen=True)
class GitopsService:
    """One service that Flux applies from a Git repository.

    Attributes:
        name: of the service.
        hosts: names of the hosts on which it runs; nothing is changed there over SSH.
    """

    name: str
    hosts: tuple[str, ...] = ()


Service: TypeAlias = ComposeService | GitopsService
"""A service of one of the deploy models; `match` tells which."""


def compose_services(services: Iterable[Service]) -> tuple[ComposeService, ...]:
    """Return those of some services that are deployed over SSH, in their order."""
    found: list[ComposeService] = []
    for service in services:
        match service:
            case ComposeService():
                found.append(service)
            case GitopsService():
                pass
    return tuple(found)

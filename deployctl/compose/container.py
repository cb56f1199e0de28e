"""Containers and images, as docker and Compose have them on a host. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from deployctl.release.results import Container


@dataclass(frozen=True)
class ComposeContainer(Container):
    """One container of a Compose service, with what Compose wrote on it.

    Attributes:
        service: the Compose service that it belongs to.
        project: the Compose project.
        working_directory: the project's directory, as Compose recorded it.
        one_off: made by `docker compose run`, not by `up`.
        config_hash: Compose's hash of the configuration that it was made with, from its label;
            it covers the image's reference and depends_on, and not the image's content.
        knows_dependencies: its configuration had a depends_on when it was made. One that was made
            by `up --no-deps`, as deployctl does, never has, and so has another config_hash.
    """

    service: str
    project: str
    working_directory: str
    one_off: bool = False
    config_hash: str = ""
    knows_dependencies: bool = False


@dataclass(frozen=True)
class LocalImage:
    """A row of the host's image list."""

    image_id: str
    repository: str
    tag: str
    digest: str


@dataclass(frozen=True)
class Dependency:
    """A service that the deployed one needs, and how it is on the host.

    Attributes:
        name: in the compose files.
        condition: what depends_on asks of it; empty for what is needed only by way of another.
        containers: all of them, of any state.
        changes: what is known to have changed since they were made, see service.changes_since_made.
        as_made: Compose is known to leave them as they are, see service.is_as_made.
    """

    name: str
    condition: str
    containers: tuple[ComposeContainer, ...]
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

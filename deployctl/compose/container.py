"""Containers and images, as docker and Compose have them on a host. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from deployctl.compose.project import COMPLETED, DEFAULT_STOP_GRACE, STARTED, ConfiguredService
from deployctl.release.moments import read_moment
from deployctl.release.results import Container, Health

# Docker waits up to a minute before it starts a container again that crashes, and some crash only
# after minutes.
_RECENT = timedelta(minutes=5)
_NEVER = "0001-01-01"


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
        replaces: it was made to take the place of another.
        stop_grace: seconds that it may take to stop, as the compose files said when it was made.
    """

    service: str
    project: str
    working_directory: str
    one_off: bool = False
    config_hash: str = ""
    knows_dependencies: bool = False
    replaces: bool = False
    stop_grace: float = DEFAULT_STOP_GRACE

    @property
    def left_over(self) -> bool:
        """Whether a recreate that was cut off left it: made for the place of another, not started.

        It is none of the service's containers. Its name tells nothing: one that runs can have
        such a name, too.
        """
        never_started = self.status == "created" and self.started_at.startswith(_NEVER)
        return never_started and self.replaces


def recent_restarts(restarts: int, started_at: str, now: datetime) -> int:
    """Return how often docker restarted a container, if the last time was a short while ago.

    Docker counts over the container's whole life: what was months ago says nothing of today.

    Args:
        restarts: docker's count.
        started_at: when the container started last, RFC 3339.
        now: the host's clock when it was looked at.
    """
    started = read_moment(started_at)
    return restarts if started and abs(now - started) <= _RECENT else 0


@dataclass(frozen=True)
class LocalImage:
    """A row of the host's image list."""

    image_id: str
    repository: str
    tag: str
    digest: str


class Need(StrEnum):
    """What has to happen to a dependency before a release starts."""

    NOTHING = "nothing"
    START = "start"
    START_ALONE = "start-alone"
    """Without a look at what it needs: there is a one-shot, which Compose would run again."""
    RUN = "run"
    """It is a one-shot that has to run, or to run again, for this release."""
    WAIT = "wait"
    """It is on its way."""
    PERSON = "person"
    """It is unwell, and a person has to see to it: deployctl does not touch it."""


@dataclass(frozen=True)
class Dependency:
    """A service that the deployed one needs, and how it is on the host.

    Attributes:
        name: in the compose files.
        condition: what is asked of it, by the service or by another that the service needs.
        containers: all of them, of any state.
        configured: it, in the compose files; None: they do not have it.
        needs_one_shot: what it needs itself includes a one-shot.
        changes: what is known to have changed since they were made, see service.changes_since_made.
        as_made: Compose is known to leave them as they are, see service.is_as_made.
    """

    name: str
    condition: str
    containers: tuple[ComposeContainer, ...]
    configured: ConfiguredService | None = None
    needs_one_shot: bool = False
    changes: tuple[str, ...] = ()
    as_made: bool = False

    @property
    def changed(self) -> bool:
        """Whether a plain `docker compose up` is known to make it anew."""
        return bool(self.changes)

    @property
    def absent(self) -> bool:
        """Whether it has no container on the host."""
        return not self.containers

    @property
    def one_shot(self) -> bool:
        """Whether it has to run to its end: a migration, say."""
        return self.condition == COMPLETED

    @property
    def runs_for_each_release(self) -> bool:
        """Whether it is a one-shot that is made of each release anew."""
        return self.one_shot and self.configured is not None and self.configured.uses_tag

    def need(self, tag: str) -> Need:
        """Return what has to happen to it before the release with this tag starts."""
        if self.one_shot:
            return self._need_of_one_shot(tag)
        if self.absent:
            return Need.START_ALONE if self.needs_one_shot else Need.START
        if all(c.well for c in self.containers):
            return Need.NOTHING
        if all(c.well or _begins(c) for c in self.containers):
            return Need.NOTHING if self.condition == STARTED else Need.WAIT
        return Need.PERSON

    def _need_of_one_shot(self, tag: str) -> Need:
        if self.absent or not self._is_of(tag):
            return Need.RUN
        if all(c.status == "exited" and c.exit_code == 0 for c in self.containers):
            return Need.NOTHING
        if any(c.up for c in self.containers):
            return Need.WAIT
        never_ran = all(c.status == "created" for c in self.containers)
        return Need.RUN if never_ran or self.runs_for_each_release else Need.PERSON

    def _is_of(self, tag: str) -> bool:
        """Whether its containers are those that the tag makes."""
        if not self.configured or not self.configured.uses_tag:
            return True
        image = self.configured.image_with(tag)
        return all(c.reference == image for c in self.containers)


def _begins(container: ComposeContainer) -> bool:
    return container.status == "running" and container.health is Health.STARTING

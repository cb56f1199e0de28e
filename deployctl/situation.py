"""What a probe found, seen from one service: facts → the situation a decision is made in. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deployctl import drift, history
from deployctl.compose.facts import HostFacts
from deployctl.compose.project import Configuration, ConfiguredService
from deployctl.gates import Dependency
from deployctl.image import Reference
from deployctl.inventory import ComposeService
from deployctl.model import Container, Release


@dataclass(frozen=True)
class Situation:
    """One service on one host at one moment.

    Attributes:
        service: as the inventory has it.
        facts: all that the probe found.
        configuration: the project's, resolved.
        containers: the service's.
        dependencies: of the service, direct or not.
    """

    service: ComposeService
    facts: HostFacts
    configuration: Configuration
    containers: tuple[Container, ...]
    dependencies: tuple[Dependency, ...]

    @classmethod
    def of(
        cls, service: ComposeService, facts: HostFacts, configuration: Configuration
    ) -> Situation:
        """Pick out of the facts what concerns the service."""
        known = configuration.services.get(service.name)
        return cls(
            service=service,
            facts=facts,
            configuration=configuration,
            containers=drift.containers_of(facts, service.name, project=configuration.project),
            dependencies=tuple(
                _dependency(facts, configuration, name, known.dependencies.get(name, ""))
                for name in configuration.needed_by(service.name)
                if known
            ),
        )

    @property
    def history(self) -> history.History:
        """What the host has recorded."""
        return self.facts.history

    @property
    def in_flux(self) -> bool:
        """Whether another run is changing the host: what runs now is not what it will leave."""
        return self.facts.holder is not None

    @property
    def being_deployed(self) -> bool:
        """Whether the run that is changing the host is a deploy of this service."""
        return self.facts.deploys(self.service.name)

    @property
    def configured(self) -> ConfiguredService:
        """The service in the compose files; a gate has made sure that it is there."""
        return self.configuration.services[self.service.name]

    @property
    def running(self) -> Release | None:
        """The release that the containers are made of; None: none, or a mixture."""
        release = history.release_of(self.containers)
        if release is None:
            return None
        repository = self.containers[0].reference.repository
        digests = self.facts.digests_of(release.image_id, repository)
        return replace(release, digest=digests[0] if len(digests) == 1 else "")

    @property
    def well(self) -> bool:
        """Whether all containers run and are healthy."""
        return bool(self.containers) and all(c.well for c in self.containers)

    @property
    def digests(self) -> tuple[str, ...]:
        """Repo digests of what runs."""
        return self.facts.digests_of(self.running.image_id) if self.running else ()

    def image(self, tag: str) -> Reference:
        """The image that a tag makes of the compose files."""
        return self.configured.image_with(tag)

    def runs_already(self, tag: str) -> bool:
        """Whether the recorded release of the tag runs, healthy, with today's files."""
        running, recorded = self.running, self.history.last_success(self.service.name)
        return (
            running is not None
            and running.tag == tag
            and self.well
            and len(self.containers) == self.configured.replicas
            and recorded is not None
            and history.same_release(recorded.release, running, self.digests)
            and recorded.files == self.configuration.hash
            and not self.history.unfinished()
            and (not self.service.persist or self.facts.kept_tag == tag)
        )

    @property
    def untouched_by_compose(self) -> bool:
        """Whether Compose, asked to start the service, is known to leave what it needs alone."""
        return all(d.as_made or d.absent for d in self.dependencies)


def _dependency(
    facts: HostFacts, configuration: Configuration, name: str, condition: str
) -> Dependency:
    containers = drift.containers_of(facts, name, project=configuration.project)
    configured = configuration.services.get(name)
    return Dependency(
        name,
        condition,
        containers,
        changes=drift.changes_since_made(facts, configured, containers),
        as_made=drift.is_as_made(facts, configured, containers),
    )

"""What runs here: one service on one host at one moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from deployctl.compose.container import ComposeContainer, Dependency
from deployctl.compose.facts import HostFacts
from deployctl.compose.project import Configuration, ConfiguredService
from deployctl.inventory import ComposeService
from deployctl.release.record import History
from deployctl.release.reference import Reference
from deployctl.release.release import Release, same_release


@dataclass(frozen=True)
class ServiceOnHost:
    """One service on one host at one moment.

    Attributes:
        service: as the inventory has it.
        facts: all that the probe found.
        all_containers: the service's, and what is left over of a recreate that was cut off.
    """

    service: ComposeService
    facts: HostFacts
    all_containers: tuple[ComposeContainer, ...]

    @classmethod
    def found(cls, service: ComposeService, facts: HostFacts) -> ServiceOnHost:
        """Pick out the service, also where the compose files were not resolved."""
        project = project_of(facts, service)
        if project is None:
            ours = _of_service(facts, service.name)
            return cls(service, facts, tuple(c for c in ours if _is_in_directory(c, service)))
        return cls(service, facts, _of_project(facts, service.name, project))

    @property
    def containers(self) -> tuple[ComposeContainer, ...]:
        """The service's containers."""
        return tuple(c for c in self.all_containers if not c.left_over)

    @property
    def leftovers(self) -> tuple[ComposeContainer, ...]:
        """What is left over of recreates that were cut off; in the midst of one, nothing is."""
        if self.being_changed:
            return ()
        return tuple(c for c in self.all_containers if c.left_over)

    @property
    def history(self) -> History:
        """What the host has recorded."""
        return self.facts.history

    @property
    def being_changed(self) -> bool:
        """Whether another run is changing the host: what runs now is not what it will leave."""
        return self.facts.holder is not None

    @property
    def being_deployed(self) -> bool:
        """Whether the run that is changing the host is a deploy of this service."""
        return self.facts.deploys(self.service.name)

    @property
    def running(self) -> Release | None:
        """The release that the containers are made of; None: none, or a mixture."""
        release = release_of(self.containers)
        if release is None:
            return None
        repository = self.containers[0].reference.repository
        digests = self.facts.digests_of(release.image_id, repository)
        return replace(release, digest=digests[0] if len(digests) == 1 else "")

    @property
    def up(self) -> bool:
        """Whether any of its containers is."""
        return any(c.up for c in self.containers)

    @property
    def down(self) -> bool:
        """Whether none of its containers is; where it is not known which are its, that is not."""
        known = self.facts.containers is not None and not only_files_tell(self.facts, self.service)
        return known and not self.up

    @property
    def well(self) -> bool:
        """Whether all containers run and are healthy."""
        return bool(self.containers) and all(c.well for c in self.containers)

    @property
    def digests(self) -> tuple[str, ...]:
        """Repo digests of what runs."""
        return self.facts.digests_of(self.running.image_id) if self.running else ()


@dataclass(frozen=True)
class ConfiguredOnHost(ServiceOnHost):
    """The same with what the compose files say of it, which a change depends on.

    Attributes:
        configuration: the project's, resolved.
        dependencies: of the service, direct or not.
    """

    configuration: Configuration
    dependencies: tuple[Dependency, ...]

    @classmethod
    def of(
        cls, service: ComposeService, facts: HostFacts, configuration: Configuration
    ) -> ConfiguredOnHost:
        """Pick out of the facts what concerns the service."""
        conditions = configuration.conditions_on(service.name)
        need_one_shots = configuration.need_one_shots(tuple(conditions))
        return cls(
            service=service,
            facts=facts,
            configuration=configuration,
            all_containers=_of_project(facts, service.name, configuration.project),
            dependencies=tuple(
                _dependency(facts, configuration, name, condition, name in need_one_shots)
                for name, condition in conditions.items()
            ),
        )

    @property
    def configured(self) -> ConfiguredService:
        """The service in the compose files; a gate has made sure that it is there."""
        return self.configuration.services[self.service.name]

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
            and same_release(recorded.release, running, self.digests)
            and recorded.files == self.configuration.hash
            and not self.history.unfinished()
            and (not self.service.persist or self.facts.kept_tag == tag)
        )

    @property
    def untouched_by_compose(self) -> bool:
        """Whether Compose, asked to start the service, is known to leave what it needs alone.

        A one-shot it would run again.
        """
        return all(not d.one_shot and (d.as_made or d.absent) for d in self.dependencies)


def project_of(facts: HostFacts, service: ComposeService) -> str | None:
    """Return the name of a service's Compose project; None: these facts do not tell.

    The compose files say it. Resolving them takes longer than all the rest of a status, so there
    it is that of the containers which were made from the project's directory, if it is one.
    """
    if facts.configuration:
        return facts.configuration.project
    found = {c.project for c in facts.containers or () if _is_in_directory(c, service)}
    return found.pop() if len(found) == 1 else None


def only_files_tell(facts: HostFacts, service: ComposeService) -> bool:
    """Whether it takes the compose files to know which containers are the service's.

    So where its directory has another path by now than it had for Compose, through a link, say,
    and where it has several projects.
    """
    unknown = project_of(facts, service) is None
    return unknown and bool(_of_service(facts, service.name))


def _of_service(facts: HostFacts, service: str) -> tuple[ComposeContainer, ...]:
    """Those of all projects that have a service of this name."""
    containers = facts.containers or ()
    return tuple(c for c in containers if c.service == service and not c.one_off)


def _of_project(facts: HostFacts, service: str, project: str) -> tuple[ComposeContainer, ...]:
    return tuple(c for c in _of_service(facts, service) if c.project == project)


def _is_in_directory(container: ComposeContainer, service: ComposeService) -> bool:
    return container.working_directory == service.project_directory


def release_of(containers: Sequence[ComposeContainer]) -> Release | None:
    """Return the release that all containers are made of, running or not; None: none or mixed."""
    kinds = {(c.reference.tag, c.image_id) for c in containers}
    if len(kinds) != 1:
        return None
    tag, image_id = kinds.pop()
    return Release(tag, image_id)


def _dependency(
    facts: HostFacts,
    configuration: Configuration,
    name: str,
    condition: str,
    needs_one_shot: bool,
) -> Dependency:
    found = _of_project(facts, name, configuration.project)
    containers = tuple(c for c in found if not c.left_over)
    configured = configuration.services.get(name)
    return Dependency(
        name,
        condition,
        containers,
        configured,
        needs_one_shot,
        changes=changes_since_made(facts, configured, containers),
        as_made=is_as_made(facts, configured, containers),
    )


def changes_since_made(
    facts: HostFacts, configured: ConfiguredService | None, containers: Iterable[ComposeContainer]
) -> tuple[str, ...]:
    """Return what has changed since a service's containers were made, as far as it is known.

    "another configuration": what Compose would write on a container today differs from its label.
    That cannot be told of a service that follows the tag variable (its hash depends on the tag),
    nor of a container made by `up --no-deps` of a service with a depends_on (Compose leaves that
    out of the hash). "another image": the reference that it was made of names other content on
    this host by now, which the hash does not notice. Compose recreates what has either.
    """
    found = {change for c in containers for change in _changes(facts, configured, c)}
    return tuple(sorted(found))


def is_as_made(
    facts: HostFacts, configured: ConfiguredService | None, containers: Sequence[ComposeContainer]
) -> bool:
    """Whether Compose is known to leave a service's containers as they are.

    It is not known of those that `changes_since_made` cannot compare.
    """
    return bool(containers) and all(
        _is_comparable(configured, c)
        and c.config_hash == facts.config_hashes.get(c.service)
        and facts.image_named(c.reference) == c.image_id
        for c in containers
    )


def _is_comparable(configured: ConfiguredService | None, container: ComposeContainer) -> bool:
    return (
        configured is not None
        and not configured.uses_tag
        and bool(configured.dependencies) == container.knows_dependencies
    )


def _changes(
    facts: HostFacts, configured: ConfiguredService | None, container: ComposeContainer
) -> Iterator[str]:
    today = facts.config_hashes.get(container.service, "")
    comparable = _is_comparable(configured, container)
    if comparable and container.config_hash and today and container.config_hash != today:
        yield "another configuration"
    now = facts.image_named(container.reference)
    if now and now != container.image_id:
        yield "another image"

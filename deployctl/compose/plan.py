"""What is decided about a run before it starts: a plan, and its commands. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from deployctl.compose.container import ComposeContainer, Need
from deployctl.compose.kept_images import Outdated, fetched_tag, kept_repository, outdated
from deployctl.compose.project import run_once, start, up
from deployctl.compose.service import ConfiguredOnHost
from deployctl.inventory import ComposeService
from deployctl.release import record, suggest, way_back
from deployctl.release.origin import Origin
from deployctl.release.reference import Reference
from deployctl.release.release import Action, Release, same_release
from deployctl.ssh.command import Command

_UP_LIMIT = 300.0  # seconds, beside what the old containers may take to stop


@dataclass(frozen=True)
class FirstNeed:
    """A dependency that something has to happen to before the service is touched.

    Attributes:
        name: in the compose files.
        need: what has to happen.
        condition: what it is waited for, of project.CONDITIONS.
    """

    name: str
    need: Need
    condition: str


@dataclass(frozen=True)
class Plan:
    """One run of the transaction on one host, with everything that was decided about it.

    Attributes:
        run: the run's id, made by the client.
        action: deploy or rollback.
        service: what is changed.
        project: its Compose project.
        release: what shall run.
        image: REPOSITORY:TAG in the compose files.
        previous: what a failure puts back; None: nothing can be.
        previous_image: its REPOSITORY:TAG.
        previous_run: the run whose kept configuration it needs; empty: today's files will do.
        replicas: containers that the service should have.
        stop_grace: seconds that the service's containers may take to stop, those that are there and
            those that are made.
        up_limit: seconds for one `docker compose up`, and for docker to be back where it is away.
        dependencies: services that something has to happen to first, in this order.
        looked_at: services that Compose looks at when it starts what is not there, or the service.
        recreate: recreate the containers even where Compose sees no change.
        alone: Compose shall not look at what the service needs.
        env_file: the project's .env, in which the tag is kept; empty: it is kept nowhere.
        served_well: one release ran healthy when it was decided, whatever its image is called.
        serving: its tag; empty: none ran healthy, or it has none.
        seen_containers: the service's containers that the decision was made on, leftovers too.
        seen_history: size of the history that the decision was made on, in bytes.
        files: hash of the resolved configuration.
        image_store: docker's, for the record.
        next_seq: number of the next history line.
        found: runs without an outcome, whose end is recorded first.
        outdated: names of images that go after a success.
        configurations: runs whose resolved configuration stays on the host, those first that
            are needed most.
        origin: who asks, and from where.
        wait: seconds to wait for another run to end.
        now: the client's clock, for the holder's note.
        unchanged: the release runs already, and that this was asked for is all that is recorded.
    """

    run: str
    action: Action
    service: ComposeService
    project: str
    release: Release
    image: str
    previous: Release | None
    previous_image: str
    previous_run: str
    replicas: int
    stop_grace: float
    up_limit: float
    dependencies: tuple[FirstNeed, ...]
    looked_at: tuple[str, ...]
    recreate: bool
    alone: bool
    env_file: str
    served_well: bool
    serving: str
    seen_containers: tuple[ComposeContainer, ...]
    seen_history: int
    files: str
    image_store: str
    next_seq: int
    found: tuple[record.Entry, ...]
    outdated: Outdated
    configurations: tuple[str, ...]
    origin: Origin
    wait: float
    now: datetime
    unchanged: bool = False


def plan_of(
    here: ConfiguredOnHost,
    action: Action,
    release: Release,
    *,
    origin: Origin,
    wait: float,
    now: datetime,
) -> Plan:
    """Return the transaction that makes a release run.

    Args:
        here: what the gates decided on; the transaction checks that it still holds.
        action: deploy or rollback.
        release: what shall run; its content is on the host.
        origin: who asks.
        wait: seconds to wait for another run.
        now: the client's clock.
    """
    service, image = here.service, here.image(release.tag)
    previous, previous_entry = _previous(here, image.repository)
    files = here.configuration.hash
    files_changed = previous_entry is not None and previous_entry.files != files
    stop_grace = max([here.configured.stop_grace, *(c.stop_grace for c in here.containers)])
    return Plan(
        run=new_run_id(now),
        action=action,
        service=service,
        project=here.configuration.project,
        release=release,
        image=str(image),
        previous=previous,
        previous_image=f"{image.repository}:{previous.tag}" if previous else "",
        previous_run=previous_entry.run if previous_entry and files_changed else "",
        replicas=here.configured.replicas,
        stop_grace=stop_grace,
        up_limit=_UP_LIMIT + stop_grace,
        dependencies=_first_needs(here, action, release),
        looked_at=_looked_at(here, release),
        recreate=_runs_unwell(here, release),
        alone=_alone(here),
        env_file=_env_file(here),
        served_well=here.running is not None and here.well,
        serving=here.running.tag if here.running and here.well else "",
        seen_containers=here.all_containers,
        seen_history=here.history.size,
        files=files,
        image_store=here.facts.image_store,
        next_seq=here.history.next_seq,
        found=here.history.unfinished(),
        outdated=_outdated(here, action, release),
        configurations=_configurations_to_keep(here, previous_entry),
        origin=origin,
        wait=wait,
        now=now,
    )


def commands(
    here: ConfiguredOnHost, action: Action, release: Release, *, fetch: bool
) -> tuple[str, ...]:
    """Return what would run on the host, as a person would type it.

    Nothing, where the history names a tag that no run of deployctl can have recorded.
    """
    if not suggest.is_tag(release.tag):
        return ()
    service = here.service
    files, variable, tag = service.compose_files, service.tag_variable, release.tag
    first = [n for n in _first_needs(here, action, release) if suggest.is_name(n.name)]
    image = here.image(tag)
    pull = [Command(("docker", "pull", str(image)))] if fetch and _can_be_typed(image) else []
    return tuple(
        command.as_shell()
        for command in (
            Command(("cd", service.directory)),
            *pull,
            *(c for n in first for c in _typed(n, service, tag)),
            up(files, service.name, variable, tag, alone=_alone(here)),
        )
    ) + ((f"# {variable}={tag} in {kept}",) if (kept := _env_file(here)) else ())


def _first_needs(here: ConfiguredOnHost, action: Action, release: Release) -> tuple[FirstNeed, ...]:
    """What has to happen first; a rollback only starts what is not there, and runs no one-shot."""
    done_first = {Need.START, Need.START_ALONE}
    if action is Action.DEPLOY:
        done_first |= {Need.RUN, Need.WAIT}
    return tuple(
        FirstNeed(d.name, need, d.condition)
        for d in here.dependencies
        if (need := d.need(release.tag)) in done_first
    )


def _looked_at(here: ConfiguredOnHost, release: Release) -> tuple[str, ...]:
    """`up` without `--no-deps` goes over all that is needed, and with it over what it starts."""
    needs = {d.name: d.need(release.tag) for d in here.dependencies}
    all_of_them = Need.START in needs.values() or not _alone(here)
    return tuple(n for n, need in needs.items() if all_of_them or need is Need.START_ALONE)


def _typed(first: FirstNeed, service: ComposeService, tag: str) -> Iterator[Command]:
    words = (service.compose_files, first.name, service.tag_variable, tag)
    if first.need is Need.RUN:
        yield run_once(*words)
    elif first.need is not Need.WAIT:
        yield start(*words, alone=first.need is Need.START_ALONE)


def _can_be_typed(image: Reference) -> bool:
    """The host's compose files name it: what could be read as another command is not shown."""
    return not image.digest and bool(suggest.repository_or(image.repository, ""))


def _alone(here: ConfiguredOnHost) -> bool:
    """Whether Compose shall not even look at what the service needs (`up --no-deps`).

    It may look where the tag is kept in .env and nothing that is needed would be made anew: then
    the container knows its dependencies, and a plain `up` by hand finds nothing to change.
    """
    return not (_env_file(here) and here.untouched_by_compose)


def _env_file(here: ConfiguredOnHost) -> str:
    """The file that the tag is kept in; none where others would follow it (a gate of deploys)."""
    service = here.service
    shared = here.configuration.sharing_tag(service.name)
    return service.env_file if service.persist and not shared else ""


def _previous(
    here: ConfiguredOnHost, repository: str
) -> tuple[Release | None, record.Entry | None]:
    """What a failure puts back: what ran and was healthy, else the last recorded success.

    What runs can be put back only if it is a tag of the service's own repository.
    """
    recorded, running = here.history, here.running
    ours = bool(here.containers) and (here.containers[0].reference.repository == repository)
    if running and running.tag and here.well and ours:
        return running, _entry_of(here, running)
    last = recorded.last_success(here.service.name)
    if last and here.facts.has_image(last.release.image_id):
        return last.release, last
    return None, None


def _entry_of(here: ConfiguredOnHost, release: Release) -> record.Entry | None:
    entries = here.history.of(here.service.name)
    same = (
        entry
        for entry in reversed(entries)
        if entry.event == record.SUCCEEDED and same_release(entry.release, release)
    )
    return next(same, None)


def _runs_unwell(here: ConfiguredOnHost, release: Release) -> bool:
    """Compose sees no change in a container that is merely unhealthy."""
    return not here.well and any(c.image_id == release.image_id for c in here.containers)


def _outdated(here: ConfiguredOnHost, action: Action, release: Release) -> Outdated:
    repository = kept_repository(here.configuration.project, here.service.name)
    kept = [image.tag for image in here.facts.images if image.repository == repository]
    if action is Action.DEPLOY:
        # Both are there by then: one was made by the fetch, the other is made by the run.
        kept += [release.tag, fetched_tag(release.tag, here.history.next_seq)]
    return outdated(kept, _tags_to_keep(here, action, release))


def _tags_to_keep(
    here: ConfiguredOnHost, action: Action, release: Release
) -> tuple[str, ...] | None:
    service = here.service
    if service.keep == 0:
        return None
    running = [c.reference.tag for c in here.containers]
    good = way_back.known_good_tags(here.history, service.name, service.keep)
    tags = [release.tag, *running, *good, *_way_back(here, action, release)]
    return tuple(dict.fromkeys(tags))


def _configurations_to_keep(
    here: ConfiguredOnHost, previous: record.Entry | None
) -> tuple[str, ...]:
    """What a failure of this run needs, and then the newest successes in the history's order."""
    needed = [previous.run] if previous else []
    newest = [
        e.run for e in reversed(here.history.of(here.service.name)) if e.event == record.SUCCEEDED
    ]
    return tuple(dict.fromkeys([*needed, *newest]))[: here.service.keep]


def _way_back(here: ConfiguredOnHost, action: Action, release: Release) -> list[str]:
    """Where the next rollback goes once this run has succeeded, and what is above it."""
    recorded = way_back.stack(here.history.of(here.service.name))
    tags = [entry.release.tag for entry in recorded]
    if action is Action.ROLLBACK and release.tag in tags:
        while tags[-1] != release.tag:
            tags.pop()
    return tags[-2:]


def new_run_id(now: datetime) -> str:
    """Return a run id that sorts by time and is made once."""
    return f"{now:%Y%m%dt%H%M%Sz}-{secrets.token_hex(4)}"

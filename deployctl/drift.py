"""How what runs relates to what was recorded: facts → a status. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from deployctl import history, suggest
from deployctl.compose.facts import HostFacts
from deployctl.compose.kept_images import kept_repository
from deployctl.compose.project import ConfiguredService
from deployctl.inventory import ComposeService
from deployctl.model import (
    Container,
    Health,
    Release,
    RolledBackTo,
    State,
    StatusResult,
    UnfinishedRun,
)

_MOST_KEPT = 5


def judge(
    facts: HostFacts, service: ComposeService, host: str, *, seconds: float = 0.0
) -> StatusResult:
    """Return the status of one service on one host.

    Args:
        facts: of the host.
        service: which one.
        host: the host's name in the inventory.
        seconds: how long the question took.
    """
    recorded = facts.history
    containers = containers_of(facts, service.name, directory=service.project_directory)
    running = history.release_of(containers)
    digests = facts.digests_of(running.image_id) if running else ()
    last = recorded.last_success(service.name)
    target, refusal = _rollback(facts, service, running, containers, digests)
    return StatusResult(
        host=host,
        service=service.name,
        state=state_of(facts, service.name, running, containers, digests),
        running=_with_digest(running, last, digests),
        containers=containers,
        health=_health(containers),
        revision=containers[0].revision if running else "",
        since=max((c.started_at for c in containers if c.up), default=""),
        deployed_at=last.at if last else "",
        deployed_by=last.by if last else "",
        run_url=last.run_url if last else "",
        recorded=last.release if last else None,
        unrecorded="" if last else _why_unrecorded(recorded),
        rollback=target,
        rollback_image_present=bool(target and facts.has_image(target.release.image_id)),
        rollback_refusal=refusal,
        hold=facts.hold.text if facts.hold else "",
        run_in_progress=facts.holder,
        interrupted_run=_interrupted_run(facts, service.name),
        notes=(*recorded.problems, *_lock_notes(facts)),
        seconds=seconds,
    )


def _lock_notes(facts: HostFacts) -> Iterator[str]:
    if facts.stranger:
        yield (
            "the lock is held by no run of deployctl, so no deploy or rollback can begin: "
            f"{facts.stranger.text}; deployctl check says what to do"
        )


def state_of(
    facts: HostFacts,
    service: str,
    running: Release | None,
    containers: Sequence[Container],
    digests: Sequence[str] = (),
) -> State:
    """Return the one word for it; what hides the rest comes first."""
    if facts.holder and (facts.holder.service in {"", service}):
        return State.DEPLOYING
    if _interrupted_run(facts, service):
        return State.INTERRUPTED
    if not any(c.up for c in containers):
        return State.NOT_RUNNING
    if running is None:
        return State.MIXED
    if not facts.history.readable:
        return State.UNREADABLE
    last = facts.history.last_success(service)
    if last is None or last.release.tag != running.tag:
        return State.UNTRACKED
    if not history.same_release(last.release, running, digests):
        return State.MOVED
    return State.IN_SYNC if all(c.well for c in containers) else State.UNHEALTHY


def _interrupted_run(facts: HostFacts, service: str) -> UnfinishedRun | None:
    """The service's newest run that left no outcome, and is not the one that goes on."""
    going_on = facts.holder.run if facts.holder else ""
    for entry in reversed(facts.history.unfinished()):
        if entry.service == service and entry.run != going_on:
            return UnfinishedRun(
                entry.run, entry.by, entry.action, service, entry.release.tag, entry.at
            )
    return None


def changes_since_made(
    facts: HostFacts, configured: ConfiguredService | None, containers: Iterable[Container]
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
    facts: HostFacts, configured: ConfiguredService | None, containers: Sequence[Container]
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


def _is_comparable(configured: ConfiguredService | None, container: Container) -> bool:
    return (
        configured is not None
        and not configured.uses_tag
        and bool(configured.dependencies) == container.knows_dependencies
    )


def _changes(
    facts: HostFacts, configured: ConfiguredService | None, container: Container
) -> Iterator[str]:
    today = facts.config_hashes.get(container.service, "")
    comparable = _is_comparable(configured, container)
    if comparable and container.config_hash and today and container.config_hash != today:
        yield "another configuration"
    now = facts.image_named(container.reference)
    if now and now != container.image_id:
        yield "another image"


def containers_of(
    facts: HostFacts, service: str, *, project: str = "", directory: str = ""
) -> tuple[Container, ...]:
    """Return a service's containers, of one Compose project.

    Args:
        facts: of the host.
        service: the Compose service.
        project: the project's name, where it is known.
        directory: the project's directory, where its name is not known: resolving the compose
            files only for the name would take longer than all the rest of a status.
    """
    return tuple(
        c
        for c in facts.containers or ()
        if c.service == service
        and not c.one_off
        and (c.project == project if project else c.working_directory == directory)
    )


def _why_unrecorded(recorded: history.History) -> str:
    """Why no success is known: only a history that was read whole says that there was none."""
    if not recorded.readable:
        return "the history is there but cannot be read"
    if recorded.problems or recorded.truncated:
        return "no success is in the part of the history that can be read"
    return "no deploy of it has succeeded here yet"


def _rollback(
    facts: HostFacts,
    service: ComposeService,
    running: Release | None,
    containers: Sequence[Container],
    digests: Sequence[str],
) -> tuple[RolledBackTo | None, str]:
    well = bool(containers) and all(c.well for c in containers)
    try:
        entry = (
            history.target_during_deploy(facts.history, service.name)
            if facts.deploys(service.name)
            else history.rollback_target(
                facts.history, service.name, running, well=well, digests=digests
            )
        )
    except history.NoTarget as none:
        return None, none.reason
    return history.as_target(entry), ""


def kept_unrecorded(facts: HostFacts, service: str) -> tuple[str, ...]:
    """Return the tags of kept images that the history does not know, newest first.

    Where the history was lost they are all that tells what ran here before. What runs now is left
    out, and so is what is recorded: if it did not succeed, nobody wants it back.
    """
    known = {entry.release.tag for entry in facts.history.of(service)}
    running = {c.image_id for c in facts.containers or () if c.service == service}
    kept = (i for i in facts.images if i.repository == kept_repository(service))
    return tuple(
        image.tag
        for image in kept
        if history.is_usable_tag(image.tag)
        and image.tag not in known
        and image.image_id not in running
    )


def deploy_of_kept(kept: Sequence[str], service: str) -> str:
    """Return what to type where a rollback has no target and these tags are kept."""
    return suggest.hint(
        f"kept on this host, newest first, and not in its history: {', '.join(kept[:_MOST_KEPT])}. "
        "For one that you know to work:",
        suggest.deployctl("deploy", service, tag=kept[0]),
    )


def _with_digest(
    running: Release | None, last: history.Entry | None, digests: Sequence[str]
) -> Release | None:
    if running is None:
        return None
    if last and history.same_release(last.release, running, digests):
        return Release(running.tag, running.image_id, last.release.digest)
    return Release(running.tag, running.image_id, digests[0] if len(digests) == 1 else "")


def _health(containers: Sequence[Container]) -> str:
    """The worst of the containers', in one word."""
    for word in (Health.UNHEALTHY, Health.STARTING):
        if any(c.health is word and c.up for c in containers):
            return word.value
    down = [c for c in containers if c.status != "running"]
    if down:
        return down[0].status
    if any(c.health is Health.NONE for c in containers):
        return "no health check"
    return Health.HEALTHY.value if containers else ""

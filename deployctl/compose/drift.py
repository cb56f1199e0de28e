"""How what runs relates to what was recorded: facts → a status. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployctl.compose.facts import HostFacts
from deployctl.compose.kept_images import kept_repositories
from deployctl.compose.service import ServiceOnHost, only_files_tell
from deployctl.inventory import ComposeService
from deployctl.quoting import shown
from deployctl.release import record, suggest, way_back
from deployctl.release.release import Release, same_release
from deployctl.release.results import (
    Container,
    Health,
    RolledBackTo,
    State,
    StatusResult,
    UnfinishedRun,
)

_MOST_KEPT = 5
_MOST_LEFTOVERS = 5


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
    here = ServiceOnHost.found(service, facts)
    last = here.history.last_success(service.name)
    deployed = here.history.brought_by(last) if last else None
    target, refusal = _rollback(here)
    return StatusResult(
        host=host,
        service=service.name,
        state=_state(here),
        running=_running(here, last),
        containers=here.containers,
        health=_health(here.containers),
        revision=here.containers[0].revision if here.running else "",
        since=max((c.started_at for c in here.containers if c.up), default=""),
        deployed_at=deployed.at if deployed else "",
        deployed_by=deployed.by if deployed else "",
        run_url=deployed.run_url if deployed else "",
        recorded=last.release if last else None,
        unrecorded="" if last else _why_unrecorded(here.history),
        rollback=target,
        rollback_image_present=bool(target and facts.has_image(target.release.image_id)),
        rollback_refusal=refusal,
        hold=facts.hold.text if facts.hold else "",
        run_in_progress=facts.holder,
        interrupted_run=_interrupted_run(facts, service.name),
        notes=(
            *here.history.problems,
            *_lock_notes(facts),
            *_down_notes(here),
            *_leftover_notes(here),
            *_unknown_notes(here),
        ),
        seconds=seconds,
    )


def _lock_notes(facts: HostFacts) -> Iterator[str]:
    if facts.stranger:
        yield (
            "the lock is held by no run of deployctl, so no deploy or rollback can begin: "
            f"{facts.stranger.text}; deployctl check says what to do"
        )


def _down_notes(here: ServiceOnHost) -> Iterator[str]:
    """What stopped containers for a run keeps docker from starting them, after a boot, too."""
    if _state(here) is State.INTERRUPTED and here.down:
        yield (
            "the service is down: none of its containers is up, and docker does not start one by "
            "itself"
        )


def _leftover_notes(here: ServiceOnHost) -> Iterator[str]:
    if names := leftover_names(here):
        yield (
            f"left over from a recreate that was cut off or failed, and never started: {names}. "
            "The next deploy or rollback that changes something removes it; before that, a docker "
            "compose up by hand can take down what serves"
        )


def leftover_names(here: ServiceOnHost) -> str:
    """Return the names of what is left over, for a message; empty: nothing is."""
    names = (c.name for c in here.leftovers[:_MOST_LEFTOVERS])
    return ", ".join(name if suggest.is_name(name) else shown(name) for name in names)


def _unknown_notes(here: ServiceOnHost) -> Iterator[str]:
    if only_files_tell(here.facts, here.service):
        yield (
            f"there are containers of a {here.service.name} on this host that were not made from "
            f"{here.service.project_directory}, or not as one project; whether they are this "
            "service's only its compose files tell, and docker compose cannot resolve them: "
            "deployctl check says why"
        )


def _state(here: ServiceOnHost) -> State:
    """The one word for it; what hides the rest comes first."""
    facts, service = here.facts, here.service.name
    if facts.holder and (facts.holder.service in {"", service}):
        return State.DEPLOYING
    if _interrupted_run(facts, service):
        return State.INTERRUPTED
    if not here.up:
        return State.NOT_RUNNING
    if here.running is None:
        return State.MIXED
    if not facts.history.readable:
        return State.UNREADABLE
    last = facts.history.last_success(service)
    if last is None or last.release.tag != here.running.tag:
        return State.UNTRACKED
    if not same_release(last.release, here.running, here.digests):
        return State.MOVED
    return State.IN_SYNC if here.well else State.UNHEALTHY


def _interrupted_run(facts: HostFacts, service: str) -> UnfinishedRun | None:
    """The service's newest run that left no outcome, and is not the one that goes on."""
    going_on = facts.holder.run if facts.holder else ""
    for entry in reversed(facts.history.unfinished()):
        if entry.service == service and entry.run != going_on:
            return UnfinishedRun(
                entry.run, entry.by, entry.action, service, entry.release.tag, entry.at
            )
    return None


def _why_unrecorded(recorded: record.History) -> str:
    """Why no success is known: only a history that was read whole says that there was none."""
    if not recorded.readable:
        return "the history is there but cannot be read"
    if recorded.problems or recorded.truncated:
        return "no success is in the part of the history that can be read"
    return "no deploy of it has succeeded here yet"


def _rollback(here: ServiceOnHost) -> tuple[RolledBackTo | None, str]:
    """Where a rollback without a tag would go, or why nowhere."""
    try:
        return way_back.as_target(unnamed_target(here)), ""
    except way_back.NoTarget as none:
        return None, none.reason


def unnamed_target(here: ServiceOnHost) -> record.Entry:
    """Return the success that a rollback without a tag goes back to.

    Raises:
        NoTarget: there is none, or the history is damaged where it matters.
    """
    name = here.service.name
    if here.being_deployed:
        return way_back.target_during_deploy(here.history, name)
    return way_back.rollback_target(
        here.history, name, here.running, well=here.well, digests=here.digests
    )


def kept_unrecorded(facts: HostFacts, service: str) -> tuple[str, ...]:
    """Return the tags of kept images that the history does not know, newest first.

    Where the history was lost they are all that tells what ran here before. What runs now is left
    out, and so is what is recorded: if it did not succeed, nobody wants it back.
    """
    known = {entry.release.tag for entry in facts.history.of(service)}
    running = {c.image_id for c in facts.containers or () if c.service == service}
    project = facts.configuration.project if facts.configuration else None
    repositories = kept_repositories(project, service)
    kept = (i for i in facts.images if i.repository in repositories)
    tags = (
        image.tag
        for image in kept
        if suggest.is_tag(image.tag) and image.tag not in known and image.image_id not in running
    )
    return tuple(dict.fromkeys(tags))


def deploy_of_kept(kept: Sequence[str], service: str) -> str:
    """Return what to type where a rollback has no target and these tags are kept."""
    return suggest.hint(
        f"kept on this host, newest first, and not in its history: {', '.join(kept[:_MOST_KEPT])}. "
        "For one that you know to work:",
        suggest.deployctl("deploy", service, tag=kept[0]),
    )


def _running(here: ServiceOnHost, last: record.Entry | None) -> Release | None:
    """What runs, with the digest that it was deployed with, or the only one that docker knows."""
    running = here.running
    if running is None:
        return None
    if last and same_release(last.release, running, here.digests):
        return Release(running.tag, running.image_id, last.release.digest)
    return Release(running.tag, running.image_id, here.digests[0] if len(here.digests) == 1 else "")


def _health(containers: Sequence[Container]) -> str:
    """The worst of the containers', in one word."""
    if any(c.crash_loops for c in containers):
        return "restarting"  # also in the moments in which docker calls it running
    for word in (Health.UNHEALTHY, Health.STARTING):
        if any(c.health is word and c.up for c in containers):
            return word.value
    down = [c for c in containers if c.status != "running"]
    if down:
        return down[0].status
    if any(c.health is Health.NONE for c in containers):
        return "no health check"
    return Health.HEALTHY.value if containers else ""

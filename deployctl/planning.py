"""What is decided about a run before it starts: the situation → a plan, commands, notes. Pure."""

from __future__ import annotations

from datetime import datetime

from deployctl import gates, history, suggest
from deployctl.command import Command
from deployctl.compose.plan import Plan, new_run_id
from deployctl.compose.project import start, up
from deployctl.image import Reference
from deployctl.model import Action, Origin, Release
from deployctl.readiness import LOW_DISK_KIB
from deployctl.situation import Situation


def plan(
    situation: Situation,
    action: Action,
    release: Release,
    *,
    origin: Origin,
    wait: float,
    now: datetime,
) -> Plan:
    """Return the transaction that makes a release run.

    Args:
        situation: what the gates decided on; the transaction checks that it still holds.
        action: deploy or rollback.
        release: what shall run; its content is on the host.
        origin: who asks.
        wait: seconds to wait for another run.
        now: the client's clock.
    """
    service, image = situation.service, situation.image(release.tag)
    previous, previous_entry = _previous(situation, image.repository)
    files = situation.configuration.hash
    files_changed = previous_entry is not None and previous_entry.files != files
    return Plan(
        run=new_run_id(now),
        action=action,
        service=service,
        project=situation.configuration.project,
        release=release,
        image=str(image),
        previous=previous,
        previous_image=f"{image.repository}:{previous.tag}" if previous else "",
        previous_run=previous_entry.run if previous_entry and files_changed else "",
        replicas=situation.configured.replicas,
        dependencies=tuple(d.name for d in situation.dependencies if d.absent),
        recreate=_runs_unwell(situation, release),
        alone=_alone(situation),
        env_file=_env_file(situation),
        seen_containers=situation.containers,
        seen_history=situation.history.size,
        files=files,
        image_store=situation.facts.image_store,
        next_seq=situation.history.next_seq,
        found=situation.history.unfinished(),
        keep_tags=_tags_to_keep(situation, action, release),
        origin=origin,
        wait=wait,
        now=now,
    )


def commands(situation: Situation, release: Release, *, fetch: bool) -> tuple[str, ...]:
    """Return what would run on the host, as a person would type it.

    Nothing, where the history names a tag that no run of deployctl can have recorded.
    """
    if not suggest.is_tag(release.tag):
        return ()
    service = situation.service
    files, variable, tag = service.compose_files, service.tag_variable, release.tag
    needed = [d.name for d in situation.dependencies if d.absent and suggest.is_name(d.name)]
    image = situation.image(tag)
    pull = [Command(("docker", "pull", str(image)))] if fetch and _can_be_typed(image) else []
    return tuple(
        command.as_shell()
        for command in (
            Command(("cd", service.directory)),
            *pull,
            *(start(files, dependency, variable, tag) for dependency in needed),
            up(files, service.name, variable, tag, alone=_alone(situation)),
        )
    ) + ((f"# {variable}={tag} in {kept}",) if (kept := _env_file(situation)) else ())


def _can_be_typed(image: Reference) -> bool:
    """The host's compose files name it: what could be read as another command is not shown."""
    return not image.digest and bool(suggest.repository_or(image.repository, ""))


def _alone(situation: Situation) -> bool:
    """Whether Compose shall not even look at what the service needs.

    It always may where a plain `up` by hand need not find the same: see persist.
    """
    return not (_env_file(situation) and situation.untouched_by_compose)


def _env_file(situation: Situation) -> str:
    """The file that the tag is kept in; none where others would follow it (a gate of deploys)."""
    service = situation.service
    shared = situation.configuration.sharing_tag(service.name)
    return service.env_file if service.persist and not shared else ""


def notes(situation: Situation, target: history.Entry | None = None) -> tuple[str, ...]:
    """Return what is worth knowing and does not stop the run; `target`: of a rollback."""
    return (
        *(f"history: {problem}" for problem in situation.history.problems),
        *_disk_notes(situation),
        *_interrupted_notes(situation),
        *gates.dependency_changes(situation.dependencies),
        *(_rollback_notes(situation, target) if target else _deploy_notes(situation)),
    )


def _interrupted_notes(situation: Situation) -> tuple[str, ...]:
    """One for all of them: a damaged history can have hundreds. One that goes on is not meant."""
    unfinished = situation.history.unfinished()
    if not unfinished or situation.in_flux:
        return ()
    last = unfinished[-1]
    run = f"run {last.run} ({last.action} of {last.service} {last.release.tag})"
    if len(unfinished) == 1:
        return (f"{run} was interrupted",)
    return (f"{len(unfinished)} runs were interrupted, the last of them {run}",)


def _disk_notes(situation: Situation) -> tuple[str, ...]:
    free = situation.facts.free_kib
    if free is None or free >= LOW_DISK_KIB:
        return ()
    return (f"only {free // 1024} MiB are free below {situation.service.directory}",)


def _deploy_notes(situation: Situation) -> tuple[str, ...]:
    service = situation.service
    sharing = situation.configuration.sharing_tag(service.name)
    if not sharing:
        return ()
    names = ", ".join(sharing)
    return (f"{names} follows {service.tag_variable} too and is not touched by this run",)


def _rollback_notes(situation: Situation, target: history.Entry) -> tuple[str, ...]:
    warnings = gates.dependency_warnings(situation.dependencies)
    if not target.files or target.files == situation.configuration.hash:
        return warnings
    changed = (
        f"the compose files have changed since {target.release.tag} was deployed at {target.at}: "
        "today's are used"
    )
    return (*warnings, changed)


def _previous(situation: Situation, repository: str) -> tuple[Release | None, history.Entry | None]:
    """What a failure puts back: what ran and was healthy, else the last recorded success.

    What runs can be put back only if it is a tag of the service's own repository.
    """
    recorded, running = situation.history, situation.running
    ours = bool(situation.containers) and (
        situation.containers[0].reference.repository == repository
    )
    if running and running.tag and situation.well and ours:
        return running, _entry_of(situation, running)
    last = recorded.last_success(situation.service.name)
    if last and situation.facts.has_image(last.release.image_id):
        return last.release, last
    return None, None


def _entry_of(situation: Situation, release: Release) -> history.Entry | None:
    entries = situation.history.of(situation.service.name)
    same = (
        entry
        for entry in reversed(entries)
        if entry.event == history.SUCCEEDED and history.same_release(entry.release, release)
    )
    return next(same, None)


def _runs_unwell(situation: Situation, release: Release) -> bool:
    """Compose sees no change in a container that is merely unhealthy."""
    return not situation.well and any(c.image_id == release.image_id for c in situation.containers)


def _tags_to_keep(situation: Situation, action: Action, release: Release) -> tuple[str, ...] | None:
    service = situation.service
    if service.keep == 0:
        return None
    running = [c.reference.tag for c in situation.containers]
    good = history.known_good_tags(situation.history, service.name, service.keep)
    tags = [release.tag, *running, *good, *_way_back(situation, action, release)]
    return tuple(dict.fromkeys(tags))


def _way_back(situation: Situation, action: Action, release: Release) -> list[str]:
    """Where the next rollback goes once this run has succeeded, and what is above it."""
    recorded = history.stack(situation.history.of(situation.service.name))
    tags = [entry.release.tag for entry in recorded]
    if action is Action.ROLLBACK and release.tag in tags:
        while tags[-1] != release.tag:
            tags.pop()
    return tags[-2:]

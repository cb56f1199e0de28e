"""What is worth knowing of a run and does not stop it. Pure."""

from __future__ import annotations

from deployctl.compose import gates
from deployctl.compose.preconditions import LOW_DISK_KIB
from deployctl.compose.service import ConfiguredOnHost
from deployctl.release.record import Entry


def notes(here: ConfiguredOnHost, target: Entry | None = None) -> tuple[str, ...]:
    """Return what is worth knowing, a line each; `target`: of a rollback."""
    return (
        *(f"history: {problem}" for problem in here.history.problems),
        *_disk_notes(here),
        *_interrupted_notes(here),
        *gates.dependency_changes(here.dependencies),
        *(_rollback_notes(here, target) if target else _deploy_notes(here)),
    )


def _interrupted_notes(here: ConfiguredOnHost) -> tuple[str, ...]:
    """One for all of them: a damaged history can have hundreds. One that goes on is not meant."""
    unfinished = here.history.unfinished()
    if not unfinished or here.being_changed:
        return ()
    last = unfinished[-1]
    run = f"run {last.run} ({last.action} of {last.service} {last.release.tag})"
    if len(unfinished) == 1:
        return (f"{run} was interrupted",)
    return (f"{len(unfinished)} runs were interrupted, the last of them {run}",)


def _disk_notes(here: ConfiguredOnHost) -> tuple[str, ...]:
    free = here.facts.free_kib
    if free is None or free >= LOW_DISK_KIB:
        return ()
    return (f"only {free // 1024} MiB are free below {here.service.directory}",)


def _deploy_notes(here: ConfiguredOnHost) -> tuple[str, ...]:
    service = here.service
    sharing = here.configuration.sharing_tag(service.name)
    if not sharing:
        return ()
    names = ", ".join(sharing)
    return (f"{names} follows {service.tag_variable} too and is not touched by this run",)


def _rollback_notes(here: ConfiguredOnHost, target: Entry) -> tuple[str, ...]:
    warnings = gates.dependency_warnings(here.dependencies)
    if not target.files or target.files == here.configuration.hash:
        return warnings
    changed = (
        f"the compose files have changed since {target.release.tag} was deployed at {target.at}: "
        "today's are used"
    )
    return (*warnings, changed)

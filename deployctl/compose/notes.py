"""What is worth knowing of a run and does not stop it. Pure."""

from __future__ import annotations

from deployctl.compose import drift, gates
from deployctl.compose.preconditions import LOW_DISK_KIB
from deployctl.compose.service import ConfiguredOnHost
from deployctl.inventory import ComposeService
from deployctl.release.record import Entry


def notes(here: ConfiguredOnHost, target: Entry | None = None) -> tuple[str, ...]:
    """Return what is worth knowing, a line each; `target`: of a rollback."""
    return (
        *(f"history: {problem}" for problem in here.history.problems),
        *_disk_notes(here),
        *_interrupted_notes(here),
        *_leftover_notes(here),
        *filter(None, [short_wait(here.service, here.configured.start_period)]),
        *gates.dependency_changes(here.dependencies),
        *(_rollback_notes(here, target) if target else _deploy_notes(here)),
    )


def short_wait(service: ComposeService, start_period: float) -> str:
    """Return what is wrong where a release is given up while it may still be starting, or empty.

    Args:
        service: as the inventory has it.
        start_period: of its health check, in seconds.
    """
    limit = service.health_timeout
    if limit >= start_period:
        return ""
    return (
        f"health_timeout is {limit:g} s, and the health check's own start_period {start_period:g} "
        "s: a release is given up while docker still lets it start"
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


def _leftover_notes(here: ConfiguredOnHost) -> tuple[str, ...]:
    names = drift.leftover_names(here)
    return (f"left over from a recreate that was cut off or failed: {names}",) if names else ()


def _disk_notes(here: ConfiguredOnHost) -> tuple[str, ...]:
    free = here.facts.free_kib
    if free is None or free >= LOW_DISK_KIB:
        return ()
    return (f"only {free // 1024} MiB are free below {here.service.directory}",)


def _deploy_notes(here: ConfiguredOnHost) -> tuple[str, ...]:
    service = here.service
    run = {d.name for d in here.dependencies if d.runs_for_each_release}
    sharing = [n for n in here.configuration.sharing_tag(service.name) if n not in run]
    if not sharing:
        return ()
    names = ", ".join(sharing)
    return (f"{names} follows {service.tag_variable} too and is not touched by this run",)


def _rollback_notes(here: ConfiguredOnHost, target: Entry) -> tuple[str, ...]:
    warnings = gates.dependency_warnings(here.dependencies, target.release.tag)
    if not target.files or target.files == here.configuration.hash:
        return warnings
    changed = (
        f"the compose files have changed since {target.release.tag} was deployed at {target.at}: "
        "today's are used"
    )
    return (*warnings, changed)

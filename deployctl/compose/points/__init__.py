"""Whether a host could take a deploy, point by point: facts → findings. Pure.

Each point is judged by what judges it for a deploy: the preconditions and the gates. A
deploy is stopped by the first of them, a check shows them all; what stops no deploy but should
be known is a warning.
"""

from __future__ import annotations

from deployctl.compose.facts import HostFacts
from deployctl.compose.points import disk, machine, own_files, project, registry
from deployctl.compose.points.finding import Rule, Subject
from deployctl.compose.points.machine import skew, unreachable
from deployctl.compose.points.registry import unpushed_image
from deployctl.release.check import CheckFinding

__all__ = ["Subject", "findings", "skew", "unpushed_image", "unreachable"]

_ALWAYS: tuple[Rule, ...] = (
    machine.connection,
    machine.host_key,
    machine.clock,
    machine.tools,
    project.files,
)
_CONFIGURED: tuple[Rule, ...] = (
    project.image,
    project.health,
    project.dependencies,
    registry.readable,
)
_OWN_FILES: tuple[Rule, ...] = (
    own_files.state,
    own_files.persist,
    own_files.history,
    machine.logout,
    own_files.lock,
)


def findings(subject: Subject) -> tuple[CheckFinding, ...]:
    """Judge every point that something is known about."""
    return tuple(finding for rule in _rules(subject.facts) for finding in rule(subject))


def _rules(facts: HostFacts) -> tuple[Rule, ...]:
    """The points in their order; those about which nothing is known are left out."""
    if not facts.examined:
        return _ALWAYS
    if facts.containers is None:
        return (*_ALWAYS, machine.docker, *_OWN_FILES, own_files.hold)
    return (
        *_ALWAYS,
        machine.docker,
        machine.compose,
        *(_CONFIGURED if facts.configuration else ()),
        project.leftovers,
        *_OWN_FILES,
        disk.room,
        own_files.hold,
        project.rollback,
    )

"""Rollback: make a host run an earlier release again."""

from __future__ import annotations

import time
from dataclasses import replace

from deployctl.compose import drift, gates
from deployctl.compose.change import Attempt, Patience, look
from deployctl.compose.fetch import fetch
from deployctl.compose.request import RollbackRequest
from deployctl.compose.service import ConfiguredOnHost
from deployctl.errors import BusyError, RefusedError
from deployctl.release.checklist import ROLLBACK, Checklist
from deployctl.release.record import Entry
from deployctl.release.release import Action, Release
from deployctl.release.results import RunResult
from deployctl.release.way_back import NoTarget, named_target
from deployctl.ssh.connection import Connection

_NOT_RECORDED = {"no-success", "no-older-success", "never-succeeded"}


def rollback(connection: Connection, request: RollbackRequest) -> RunResult:
    """Make a host run an earlier release again: the one before, or a named one.

    Raises:
        DeployctlError: no target, unreachable, busy, failed; see docs/exit-codes.md.
    """
    patience = Patience(request.wait)
    while True:
        attempt, target = _decide(connection, replace(request, wait=patience.left))
        # The target is fixed before the first wait: what was meant by "the one before" then.
        request = replace(request, tag=target.release.tag)
        try:
            return _go_back(attempt, target)
        except BusyError as busy:
            if not patience.allows_another_attempt(busy):
                raise


def _decide(connection: Connection, request: RollbackRequest) -> tuple[Attempt, Entry]:
    started, checklist = time.monotonic(), Checklist(ROLLBACK, request.passed)
    service, host = request.service, connection.host.name
    with checklist.attached_to_errors():
        here = look(connection, request)
        busy = gates.not_busy(here.facts, host, service, wait=request.wait)
        checklist.ask([busy])
        target = _target(request, here)
        image = gates.image_follows_tag(service.name, here.configuration, service.tag_variable)
        checklist.ask([image])
    attempt = Attempt(Action.ROLLBACK, connection, request, here, checklist, started, target)
    return attempt, target


def _go_back(attempt: Attempt, target: Entry) -> RunResult:
    here, release = attempt.here, target.release
    with attempt.checklist.attached_to_errors():
        if here.runs_already(release.tag):
            return attempt.unchanged(release.tag)
        on_host = here.facts.has_image(release.image_id)
        if attempt.request.dry_run:
            return attempt.planned(release, fetch=not on_host)
        return attempt.make_run(release if on_host else _fetch_again(attempt, target))


def _target(request: RollbackRequest, here: ConfiguredOnHost) -> Entry:
    try:
        if request.tag is not None:
            return named_target(here.history, request.service.name, request.tag)
        return drift.unnamed_target(here)
    except NoTarget as none:
        raise RefusedError(none.code, none.reason, hint=_next_step(none, request, here)) from None


def _next_step(none: NoTarget, request: RollbackRequest, here: ConfiguredOnHost) -> str:
    """A deploy of what is kept on the host, where the history does not know of it."""
    kept = drift.kept_unrecorded(here.facts, request.service.name)
    wanted = [tag for tag in kept if request.tag in {None, tag}]
    if none.code not in _NOT_RECORDED or not wanted:
        return none.hint
    return drift.deploy_of_kept(wanted, request.service.name)


def _fetch_again(attempt: Attempt, target: Entry) -> Release:
    """The target's image is gone from the host; what comes must be the same content."""
    tag = target.release.tag
    fetched = fetch(attempt.connection, attempt.request, attempt.here, tag)
    attempt.checklist.ask([gates.tag_stays(tag, fetched, target)])
    return Release(tag, fetched.image_id, fetched.digest)

"""Deploy: make a host run a tag, once every gate lets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from deployctl.compose import gates
from deployctl.compose.change import Attempt, Patience, look
from deployctl.compose.facts import FetchedImage
from deployctl.compose.fetch import fetch
from deployctl.compose.request import DeployRequest
from deployctl.compose.service import ConfiguredOnHost
from deployctl.errors import BusyError, GateResult
from deployctl.release.checklist import DEPLOY, Checklist
from deployctl.release.gates import current_is_expected, is_news, run_is_not_older
from deployctl.release.release import Action, Release
from deployctl.release.results import RunResult
from deployctl.ssh.connection import Connection


def deploy(connection: Connection, request: DeployRequest) -> RunResult:
    """Make a host run a tag.

    Raises:
        DeployctlError: refused, unreachable, busy, failed; see docs/exit-codes.md.
    """
    patience = Patience(request.wait)
    while True:
        try:
            return _attempt(connection, replace(request, wait=patience.left))
        except BusyError as busy:
            if not patience.allows_another_attempt(busy):
                raise


def _attempt(connection: Connection, request: DeployRequest) -> RunResult:
    started, checklist, tag = time.monotonic(), Checklist(DEPLOY, request.passed), request.tag
    with checklist.attached_to_errors():
        here = look(connection, request)
        attempt = Attempt(Action.DEPLOY, connection, request, here, checklist, started)
        checklist.ask(_gates_before_fetch(request, here, connection.host.name))
        if here.runs_already(tag) and not here.being_changed:
            checklist.ask(_gates_of_what_runs(request, here))
            if not request.dry_run and is_news(request.origin, here.history, request.service.name):
                attempt.record_unchanged()
            return attempt.unchanged(tag)
        if request.dry_run:
            return attempt.planned(Release(tag, ""), fetch=True)
        fetched = fetch(connection, request, here, tag, request.gates.signature)
        checklist.ask(_gates_after_fetch(request, here, fetched))
        return attempt.make_run(Release(tag, fetched.image_id, fetched.digest))


def _gates_before_fetch(
    request: DeployRequest, here: ConfiguredOnHost, host: str
) -> Iterator[GateResult]:
    service, facts = request.service, here.facts
    yield gates.not_busy(facts, host, service, wait=request.wait)
    yield gates.no_hold(facts)
    if not here.being_changed:
        yield current_is_expected(request.expect_current, here.running)
        yield run_is_not_older(request.origin, here.history, service.name)
    yield gates.image_follows_tag(
        service.name, here.configuration, service.tag_variable, service.registry
    )
    yield gates.tag_is_not_shared(service, here.configuration)
    if not here.being_changed:
        # What runs now is looked at when the run that is waited for has ended.
        yield gates.dependencies_are_well(here.dependencies, request.tag)


def _gates_after_fetch(
    request: DeployRequest, here: ConfiguredOnHost, fetched: FetchedImage
) -> Iterator[GateResult]:
    tag, rules = request.tag, request.gates
    recorded = gates.recorded_content(here.history.of(request.service.name), tag)
    yield gates.digest_is_expected(tag, request.digest, fetched)
    yield gates.tag_stays(tag, fetched, recorded)
    yield gates.revision_matches(tag, fetched, required=rules.require_revision)
    yield gates.signature_verifies(fetched, rules.signature)


def _gates_of_what_runs(request: DeployRequest, here: ConfiguredOnHost) -> Iterator[GateResult]:
    """What runs already must be what was scanned, too."""
    recorded = here.history.last_success(request.service.name)
    known = {*here.digests, recorded.release.digest if recorded else ""}
    yield gates.running_digest_is_expected(request.tag, request.digest, known)

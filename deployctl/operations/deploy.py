"""Deploy: make a host run a tag, once every gate lets it."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl import gates
from deployctl.compose.facts import FetchedImage
from deployctl.link import Link
from deployctl.model import Action, Release, RunResult
from deployctl.operations.change import change, decide_again_after_waiting, fetch, read
from deployctl.operations.report import Report
from deployctl.operations.request import Request
from deployctl.situation import Situation
from deployctl.verdict import Verdict


def deploy(link: Link, request: Request, tag: str) -> RunResult:
    """Make a host run a tag.

    Raises:
        DeployctlError: refused, unreachable, busy, failed; see docs/exit-codes.md.
    """
    return decide_again_after_waiting(request, lambda asked: _deploy(link, asked, tag))


def _deploy(link: Link, request: Request, tag: str) -> RunResult:
    report = Report(link, request, Action.DEPLOY)
    with report.told_with_errors():
        report.hear(gates_without_host(request, tag))
        situation = report.situation = read(link, request)
        report.hear(_gates_before_fetch(request, situation, link.host.name))
        if situation.runs_already(tag) and not situation.in_flux:
            report.hear(_gates_of_what_runs(request, situation, tag))
            return report.unchanged(tag)
        if request.dry_run:
            return report.planned(Release(tag, ""), fetch=True)
        fetched = fetch(link, request, situation, tag, request.gates.signature)
        report.hear(_gates_after_fetch(request, situation, fetched, tag))
        return change(report, Release(tag, fetched.image_id, fetched.digest))


def gates_without_host(request: Request, tag: str) -> Iterator[Verdict]:
    """Ask the gates that need no host; raises what they raise."""
    return gates.without_host(tag, request.digest, request.service, request.gates, request.event)


def _gates_before_fetch(request: Request, situation: Situation, host: str) -> Iterator[Verdict]:
    service, facts = request.service, situation.facts
    yield gates.not_busy(facts, host, request.service.state_directory, wait=request.wait)
    yield gates.no_hold(facts)
    if not situation.in_flux:
        yield gates.current_is_expected(request.expect_current, situation.running)
        yield gates.run_is_not_older(request.origin, situation.history, service.name)
    yield gates.image_follows_tag(
        service.name, situation.configuration, service.tag_variable, service.registry
    )
    yield gates.tag_is_not_shared(service, situation.configuration)
    if not situation.in_flux:
        # What runs now is looked at when the run that is waited for has ended.
        yield gates.dependencies_are_well(situation.dependencies)


def _gates_after_fetch(
    request: Request, situation: Situation, fetched: FetchedImage, tag: str
) -> Iterator[Verdict]:
    recorded = gates.recorded_content(situation.history.of(request.service.name), tag)
    yield gates.digest_is_expected(tag, request.digest, fetched)
    yield gates.tag_stays(tag, fetched, recorded)
    yield gates.revision_matches(tag, fetched, required=request.gates.require_revision)
    yield gates.signature_verifies(fetched, request.gates.signature)


def _gates_of_what_runs(request: Request, situation: Situation, tag: str) -> Iterator[Verdict]:
    """What runs already must be what was scanned, too."""
    recorded = situation.history.last_success(request.service.name)
    known = {*situation.digests, recorded.release.digest if recorded else ""}
    yield gates.running_digest_is_expected(tag, request.digest, known)

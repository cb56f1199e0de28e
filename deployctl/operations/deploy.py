"""Deploy: make a host run a tag, once every gate lets it."""

from __future__ import annotations

from deployctl import gates
from deployctl.errors import RefusedError
from deployctl.facts import FetchedImage
from deployctl.link import Link
from deployctl.model import Action, Release, RunResult, Verdict
from deployctl.operations.change import change, decide_again_after_waiting, fetch, read
from deployctl.operations.report import Report
from deployctl.operations.request import Request
from deployctl.situation import Situation


def deploy(link: Link, request: Request, tag: str) -> RunResult:
    """Make a host run a tag.

    Raises:
        DeployctlError: refused, unreachable, busy, failed; see docs/exit-codes.md.
    """
    return decide_again_after_waiting(request, lambda asked: _deploy(link, asked, tag))


def _deploy(link: Link, request: Request, tag: str) -> RunResult:
    report = Report(link, request, Action.DEPLOY)
    report.add(*gates_without_host(request, tag))
    situation = report.situation = read(link, request)
    report.add(gates.not_busy(situation.facts, link.host.name, wait=request.wait))
    report.add(*_gates_before_fetch(request, situation))
    if situation.runs_already(tag) and not situation.in_flux:
        _require_recorded_digest(request, situation, tag)
        return report.unchanged(tag)
    if request.dry_run:
        return report.planned(Release(tag, ""), fetch=True)
    fetched = fetch(link, request, situation, tag)
    report.add(*_gates_after_fetch(request, situation, fetched, tag))
    return change(report, Release(tag, fetched.image_id, fetched.digest))


def gates_without_host(request: Request, tag: str) -> tuple[Verdict, ...]:
    """Run the gates that need no host.

    Raises:
        RefusedError: one of them refuses.
        UsageError: --digest is not a digest.
    """
    if request.digest is not None:
        gates.digest_is_wellformed(request.digest)
    return (
        gates.tag_is_immutable(tag, request.gates),
        gates.source_may_deploy(request.environment, request.gates),
        gates.model_is_compose(request.service),
    )


def _gates_before_fetch(request: Request, situation: Situation) -> tuple[Verdict, ...]:
    service, facts = request.service, situation.facts
    hold = gates.no_hold(facts)
    if situation.in_flux:
        # What runs now is looked at when the run that is waited for has ended.
        image = gates.image_follows_tag(service.name, situation.configuration, service.tag_variable)
        return hold, image
    return (
        hold,
        gates.current_is_expected(request.expect_current, situation.running),
        gates.image_follows_tag(service.name, situation.configuration, service.tag_variable),
        gates.dependencies_are_well(situation.dependencies),
    )


def _gates_after_fetch(
    request: Request, situation: Situation, fetched: FetchedImage, tag: str
) -> tuple[Verdict, ...]:
    recorded = gates.recorded_content(situation.history.of(request.service.name), tag)
    return (
        *gates.content_is_expected(tag, request.digest, fetched, recorded),
        gates.revision_matches(tag, fetched),
    )


def _require_recorded_digest(request: Request, situation: Situation, tag: str) -> None:
    """What runs already must be what was scanned, too."""
    recorded = situation.history.last_success(request.service.name)
    known = {*situation.digests, recorded.release.digest if recorded else ""}
    if request.digest is not None and request.digest not in known:
        raise RefusedError(
            "digest-mismatch",
            f"{tag} runs here already, with another digest than --digest {request.digest}",
            hint="find out who pushed the tag again; deploy only what the scan saw",
        )

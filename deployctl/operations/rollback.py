"""Rollback: make a host run an earlier release again."""

from __future__ import annotations

from dataclasses import replace

from deployctl import drift, gates, history
from deployctl.errors import RefusedError
from deployctl.link import Link
from deployctl.model import Action, Release, RunResult
from deployctl.operations.change import change, decide_again_after_waiting, fetch, read
from deployctl.operations.report import Report
from deployctl.operations.request import Request
from deployctl.situation import Situation

_NOT_RECORDED = {"no-success", "no-older-success", "never-succeeded"}


def rollback(link: Link, request: Request) -> RunResult:
    """Make a host run an earlier release again: the one before, or a named one.

    Raises:
        DeployctlError: no target, unreachable, busy, failed; see docs/exit-codes.md.
    """
    fixed: list[str] = []

    def roll_back(asked: Request) -> RunResult:
        # The target is fixed before the first wait: what was meant by "the one before" then.
        return _rollback(link, replace(asked, tag=fixed[0]) if fixed else asked, fixed)

    return decide_again_after_waiting(request, roll_back)


def _rollback(link: Link, request: Request, fixed: list[str]) -> RunResult:
    service = request.service
    report = Report(link, request, Action.ROLLBACK)
    with report.told_with_errors():
        report.hear(gates.without_host_or_tag(service, request.gates, request.event))
        situation = report.situation = read(link, request)
        directory = service.state_directory
        report.hear([gates.not_busy(situation.facts, link.host.name, directory, wait=request.wait)])
        target = report.target = _target(request, situation)
        image = gates.image_follows_tag(service.name, situation.configuration, service.tag_variable)
        report.hear([image])
        tag = target.release.tag
        fixed.append(tag)
        if situation.runs_already(tag):
            return report.unchanged(tag)
        on_host = situation.facts.has_image(target.release.image_id)
        if request.dry_run:
            return report.planned(target.release, fetch=not on_host)
        release = target.release if on_host else _fetch_again(report, target)
        return change(report, release)


def _target(request: Request, situation: Situation) -> history.Entry:
    name, recorded = request.service.name, situation.history
    try:
        if request.tag is not None:
            return history.named_target(recorded, name, request.tag)
        if situation.being_deployed:
            return history.target_during_deploy(recorded, name)
        return history.rollback_target(
            recorded, name, situation.running, well=situation.well, digests=situation.digests
        )
    except history.NoTarget as none:
        raise RefusedError(
            none.code, none.reason, hint=_next_step(none, request, situation)
        ) from None


def _next_step(none: history.NoTarget, request: Request, situation: Situation) -> str:
    """A deploy of what is kept on the host, where the history does not know of it."""
    kept = drift.kept_unrecorded(situation.facts, request.service.name)
    wanted = [tag for tag in kept if request.tag in {None, tag}]
    if none.code not in _NOT_RECORDED or not wanted:
        return none.hint
    return drift.deploy_of_kept(wanted, request.service.name)


def _fetch_again(report: Report, target: history.Entry) -> Release:
    """The target's image is gone from the host; what comes must be the same content."""
    tag = target.release.tag
    fetched = fetch(report.link, report.request, report.situation, tag)
    report.hear([gates.tag_stays(tag, fetched, target)])
    return Release(tag, fetched.image_id, fetched.digest)

"""What is judged, and how a finding about it is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from deployctl.compose.facts import HostFacts, Measures
from deployctl.compose.preconditions import ANSWERS, CHANGES
from deployctl.errors import DeployctlError, GateResult
from deployctl.inventory import ComposeService, Host
from deployctl.release.check import CheckFinding, Severity


@dataclass(frozen=True)
class Subject:
    """What is judged.

    Attributes:
        host: the host.
        service: the service on it.
        facts: what the probe found.
        measures: what else was asked; None: docker did not answer.
        skew: how far the host's clock is off, at least; negative: it is behind.
    """

    host: Host
    service: ComposeService
    facts: HostFacts
    measures: Measures | None
    skew: timedelta


Rule = Callable[[Subject], Iterable[CheckFinding]]
"""Judges one point."""


def ruled(subject: Subject, check: str, said: str) -> Iterator[CheckFinding]:
    """Yield what a precondition finds wrong; if nothing, `said`."""
    rule = {**ANSWERS, **CHANGES}[check]
    errors = list(rule(subject.facts, subject.service, subject.host))
    yield from (problem(check, error) for error in errors)
    if not errors:
        yield ok(check, said)


def judged(check: str, gate: Callable[[], GateResult]) -> CheckFinding:
    """Return what a gate says."""
    try:
        result = gate()
    except DeployctlError as error:
        return problem(check, error)
    return ok(check, result.evidence)


def ok(check: str, message: str) -> CheckFinding:
    """Return that a point is as it should be."""
    return CheckFinding(check, "ok", Severity.OK, message)


def warning(
    check: str, code: str, message: str, remedy: str, details: Iterable[str] = ()
) -> CheckFinding:
    """Return what stops no deploy and should be known.

    Args:
        check: the point.
        code: for programs; docs/commands.md lists them.
        message: what is the matter.
        remedy: what to do.
        details: what else was said, line by line.
    """
    return CheckFinding(check, code, Severity.WARNING, message, remedy, tuple(details))


def problem(check: str, error: DeployctlError) -> CheckFinding:
    """Return what would stop a deploy."""
    return CheckFinding(
        check,
        error.code,
        Severity.PROBLEM,
        error.message,
        error.hint,
        error.details,
        error.exit_status,
    )

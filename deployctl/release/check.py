"""What a check found: whether a host could take a deploy, point by point. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deployctl.errors import EXIT_OK


class Severity(StrEnum):
    """What a finding means for a deploy: nothing, little, or that it would not begin."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class CheckFinding:
    """What was found about one point.

    Attributes:
        check: the point's stable name.
        code: a stable word: "ok", the code of the error that a deploy would end with, or a
            warning's own.
        severity: what it means for a deploy.
        message: in one line.
        remedy: what to do or type; empty: nothing.
        details: further evidence, one line each.
        exit_status: of a problem: the one that a deploy would end with.
    """

    check: str
    code: str
    severity: Severity
    message: str
    remedy: str = ""
    details: tuple[str, ...] = ()
    exit_status: int = EXIT_OK


@dataclass(frozen=True)
class CheckResult:
    """What was found on one host about one service.

    Attributes:
        host: the host's name in the inventory.
        service: the service.
        findings: in their order.
        seconds: how long the question took.
    """

    host: str
    service: str
    findings: tuple[CheckFinding, ...]
    seconds: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether the host could take a deploy."""
        return not self.of(Severity.PROBLEM)

    def of(self, severity: Severity) -> tuple[CheckFinding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

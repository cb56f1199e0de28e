"""What a check of the workflows says: places and findings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Where something is written; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule is not kept.

    Attributes:
        place: the line to change.
        rule: the rule's id.
        reason: what is wrong there.
        fix: what to write instead.
    """

    place: Place
    rule: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has found.

    Attributes:
        findings: by file and line.
        files: the workflows that were read.
        deploys: how many steps deploy with deployctl; without any, there is no chain to check.
    """

    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    deploys: int

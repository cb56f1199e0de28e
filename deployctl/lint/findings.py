"""What a check of the workflows says: places, findings and the rules they break."""

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
class Rule:
    """One rule of the chain.

    Attributes:
        id: a stable word for programs.
        title: what is demanded, in one line.
        why: what goes wrong where it is not kept.
    """

    id: str
    title: str
    why: str


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
    """The outcome of a check.

    Attributes:
        findings: by file and line.
        files: the workflows that were read.
        deploys: how many steps deploy with deployctl; without any, there is no chain to check.
    """

    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    deploys: int


RULES = {
    rule.id: rule
    for rule in (
        Rule(
            "tag-recomputed",
            "The tag is computed in one place",
            "What is computed twice can differ, and then something else runs than was scanned.",
        ),
        Rule(
            "tag-mutable",
            "A deploy is never given latest, a branch or a version",
            "Such a name points to other content over time: nobody can tell what runs.",
        ),
        Rule(
            "tag-literal",
            "A deploy is not given a tag that is written into the workflow",
            "It gets stale: every push deploys the same old image.",
        ),
        Rule(
            "tag-foreign",
            "The tag comes from the job that built and scanned the image",
            "A tag typed by hand or kept in a variable was never looked at by this run's scan.",
        ),
        Rule(
            "link-broken",
            "Every output, input and job that the chain names exists",
            "GitHub takes what does not exist for an empty text, and says nothing.",
        ),
        Rule(
            "scan-missing",
            "A deploy needs the job that scans the image",
            "Without it, an unscanned image reaches production.",
        ),
        Rule(
            "scan-after-push",
            "The scan comes before the push",
            "What is in the registry can be deployed, whatever a later scan says.",
        ),
        Rule(
            "test-missing",
            "A deploy needs the tests, by way of the scan",
            "Without them, untested code reaches production.",
        ),
        Rule(
            "failure-ignored",
            "A scan or a test that fails, fails its job",
            "A check whose failure has no effect checks nothing.",
        ),
        Rule(
            "failure-passed",
            "Nothing behind a failed scan or test runs",
            "always() and !cancelled() switch off what `needs` promises.",
        ),
        Rule(
            "not-main-only",
            "A deploy runs for main only, on every branch of its condition",
            "Other branches have not been reviewed, and their code may be untested.",
        ),
        Rule(
            "second-way",
            "deployctl is the only way to the host",
            "A raw SSH step bypasses the chain: no scan, no lock, no record, no way back.",
        ),
        Rule(
            "mixed-models",
            "A service is deployed over SSH or through Git, not both",
            "Two models undo each other's releases, and neither history tells what runs.",
        ),
    )
}

"""A rule of the chain: what it demands, and what finds the places that do not keep it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployctl.lint.chain import Chain
from deployctl.lint.findings import Finding, Place


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where a rule is not kept.

    Attributes:
        place: the line to change.
        reason: what is wrong there.
        fix: what to write instead; empty: what the rule says.
    """

    place: Place
    reason: str
    fix: str = ""


Finder = Callable[[Chain], Iterator[Breach]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: a stable word for programs.
        title: what is demanded, in one line.
        why: what goes wrong where it is not kept.
        fix: what to write instead; empty: each breach says it.
        find: where a chain does not keep it.
    """

    id: str
    title: str
    why: str
    fix: str
    find: Finder

    def findings(self, chain: Chain) -> Iterator[Finding]:
        """Return where a chain does not keep the rule, and how to mend it."""
        for breach in self.find(chain):
            yield Finding(breach.place, self.id, breach.reason, breach.fix or self.fix)


def rule(id_: str, *, title: str, why: str, fix: str = "") -> Callable[[Finder], Rule]:
    """Make a rule of the function that finds where it is not kept."""
    return lambda find: Rule(id_, title, why, fix, find)

"""A source of a value, an end of the way to it, and from where a name is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from deployctl.lint.findings import Place
from deployctl.lint.runs.jobs import JobRun, Position
from deployctl.lint.workflow.values import Step, Texts


class Kind(Enum):
    """What a value turns out to be."""

    COMPUTED = "computed"
    """Made there, from the commit."""
    MUTABLE = "mutable"
    """A name that moves: latest, a branch, a version."""
    LITERAL = "literal"
    """Written into the workflow."""
    FOREIGN = "foreign"
    """From outside of the chain: typed, or kept in a setting."""
    BROKEN = "broken"
    """Empty: a link leads nowhere."""
    UNSEEN = "unseen"
    """From a workflow or program that is not in these files."""


@dataclass(frozen=True)
class Source:
    """One source of a value.

    Attributes:
        place: where it is written.
        what: the source in words; of a broken link, what does not exist.
        position: the step that makes it, if one does.
        text: of a fixed text, itself.
    """

    kind: Kind
    place: Place
    what: str
    position: Position | None = None
    text: str = ""


@dataclass(frozen=True)
class End:
    """A source, as far as its name alone tells: what is read there is not followed further.

    Attributes:
        what: the source in words; of a broken link, what does not exist.
        text: of a fixed text, itself.
        place: where it is written; None: where the name stands that led here.
    """

    kind: Kind
    what: str
    text: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Scope:
    """From where a name is looked up.

    Attributes:
        job_run: the job.
        before: the steps in front of this index are known; 0: outside of the job's steps.
        index: the step whose own environment counts; None: none.
        called: of a called workflow's outputs, its jobs.
    """

    job_run: JobRun | None
    before: int = 0
    index: int | None = None
    called: tuple[JobRun, ...] = ()

    @property
    def step(self) -> Step | None:
        """The step itself."""
        if self.job_run is None or self.index is None:
            return None
        return self.job_run.job.steps[self.index]

    def outside(self, environment: Texts) -> Scope:
        """Return the scope of an `env:` itself: of a step's, the job; else, no steps."""
        own = self.step is not None and self.step.environment is environment
        return Scope(self.job_run, self.before if own else 0)


def scope_of(position: Position) -> Scope:
    """Return the scope of a step's own texts."""
    return Scope(position.job_run, position.index, position.index)

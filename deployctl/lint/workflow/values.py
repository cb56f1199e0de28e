"""One workflow file as typed values: what the chain is made of, and where each piece stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployctl.lint.expressions.tree import Expression
from deployctl.lint.findings import Place
from deployctl.lint.workflow.document import Scalar

Texts = dict[str, Scalar]
"""Texts by name; names are the same in capital and small letters, and kept in small ones."""


@dataclass(frozen=True)
class Condition:
    """An `if:`."""

    expression: Expression
    place: Place


@dataclass(frozen=True)
class Step:
    """One step of a job.

    Attributes:
        name: its id, else its name, else what it uses, for messages.
        shell: as written; empty: the runner's, which is bash without `pipefail`.
    """

    place: Place
    id: str
    name: str
    uses: Scalar | None
    run: Scalar | None
    shell: str
    inputs: Texts
    environment: Texts
    condition: Condition | None
    continue_on_error: Scalar | None

    @property
    def action(self) -> str:
        """The action's name without its version, in small letters; empty: it runs a script."""
        return self.uses.value.partition("@")[0].strip().lower() if self.uses else ""


@dataclass(frozen=True)
class Job:
    """One job; it has steps, or calls another workflow.

    Attributes:
        runs_on: the runner's labels.
        uses: the workflow that it calls.
        secrets: the names of those passed to it; None: all (`inherit`).
    """

    place: Place
    id: str
    name: str
    needs: tuple[Scalar, ...]
    condition: Condition | None
    continue_on_error: Scalar | None
    runs_on: tuple[str, ...]
    outputs: Texts
    environment: Texts
    steps: tuple[Step, ...]
    uses: Scalar | None
    inputs: Texts
    secrets: frozenset[str] | None

    @property
    def called_file(self) -> str:
        """The file name of the workflow of this repository that it calls; empty: none."""
        path = self.uses.value.strip() if self.uses else ""
        local = path.startswith(("./", "$/")) and ".github/workflows/" in path
        return path.rpartition("/")[2] if local else ""


@dataclass(frozen=True)
class Trigger:
    """One event of `on:`, and the filters that are set.

    Attributes:
        filters: patterns by filter (`branches`, `tags-ignore`, …); one that is absent is not set.
    """

    event: str
    filters: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Workflow:
    """One file.

    Attributes:
        file: as it is shown.
        file_name: its last part, by which others call it.
        called_inputs: what callers pass, with the default of each (None: none).
        called_outputs: what callers get.
        typed_inputs: what a person types who starts it.
    """

    file: str
    place: Place
    triggers: dict[str, Trigger]
    environment: Texts
    jobs: dict[str, Job]
    called_inputs: dict[str, Scalar | None] = field(default_factory=dict)
    called_outputs: Texts = field(default_factory=dict)
    typed_inputs: frozenset[str] = frozenset()

    @property
    def file_name(self) -> str:
        """The last part of its path, by which others call it."""
        return self.file.rpartition("/")[2]

    @property
    def is_only_called(self) -> bool:
        """Whether nothing but another workflow starts it."""
        return set(self.triggers) == {"workflow_call"}

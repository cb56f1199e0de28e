"""What must hold before anything is deployed, and what a workflow is told."""

from __future__ import annotations

from dataclasses import dataclass

from deployctl import workflow_events
from deployctl.inventory.values.environment import EnvironmentProblem, environment_error


@dataclass(frozen=True)
class Signature:
    """What an image must be signed with.

    Attributes:
        key: the public key, PEM; empty: it is in `key_file`.
        key_file: path of it on this computer; empty: it is in `key`.
        annotations: (name, value) pairs that the signature must have.
        problems: what the environment lacks for it; it matters to those who deploy.
    """

    key: str = ""
    key_file: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    problems: tuple[EnvironmentProblem, ...] = ()

    def require(self) -> None:
        """Raise a UsageError if the environment lacks what the inventory takes from it."""
        if self.problems:
            raise environment_error("gates.signature", self.problems)


@dataclass(frozen=True)
class Gates:
    """What must hold before anything is deployed.

    Attributes:
        source_refs: Git refs from which a workflow may deploy; empty (never from a file): any.
        source_events: events of GitHub Actions whose workflows may change a host.
        long_tags: whether tags of 7 to 40 hex digits are accepted, not only of 7.
        require_revision: whether an image without a revision label is refused.
        signature: what an image must be signed with; None: nothing.
    """

    source_refs: tuple[str, ...] = ("refs/heads/main",)
    source_events: tuple[str, ...] = workflow_events.DEFAULT
    long_tags: bool = False
    require_revision: bool = False
    signature: Signature | None = None


@dataclass(frozen=True)
class Github:
    """What a workflow is told.

    Attributes:
        container_log: whether it gets what a failing container, its health checks and Compose
            said; whoever can read the repository can read that.
    """

    container_log: bool = True

"""What was decided about one run. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from deployctl.compose.container import ComposeContainer
from deployctl.inventory import ComposeService
from deployctl.release import record
from deployctl.release.origin import Origin
from deployctl.release.release import Action, Release


@dataclass(frozen=True)
class Plan:
    """One run of the transaction on one host, with everything that was decided about it.

    Attributes:
        run: the run's id, made by the client.
        action: deploy or rollback.
        service: what is changed.
        project: its Compose project.
        release: what shall run.
        image: REPOSITORY:TAG in the compose files.
        previous: what a failure puts back; None: nothing can be.
        previous_image: its REPOSITORY:TAG.
        previous_run: the run whose kept configuration it needs; empty: today's files will do.
        replicas: containers that the service should have.
        dependencies: services that are started first.
        recreate: recreate the containers even where Compose sees no change.
        alone: Compose shall not look at what the service needs.
        env_file: the project's .env, in which the tag is kept; empty: it is kept nowhere.
        seen_containers: the service's containers that the decision was made on.
        seen_history: size of the history that the decision was made on, in bytes.
        files: hash of the resolved configuration.
        image_store: docker's, for the record.
        next_seq: number of the next history line.
        found: runs without an outcome, whose end is recorded first.
        keep_tags: tags whose images stay on the host; None: all.
        origin: who asks, and from where.
        wait: seconds to wait for another run to end.
        now: the client's clock, for the holder's note.
    """

    run: str
    action: Action
    service: ComposeService
    project: str
    release: Release
    image: str
    previous: Release | None
    previous_image: str
    previous_run: str
    replicas: int
    dependencies: tuple[str, ...]
    recreate: bool
    alone: bool
    env_file: str
    seen_containers: tuple[ComposeContainer, ...]
    seen_history: int
    files: str
    image_store: str
    next_seq: int
    found: tuple[record.Entry, ...]
    keep_tags: tuple[str, ...] | None
    origin: Origin
    wait: float
    now: datetime


def new_run_id(now: datetime) -> str:
    """Return a run id that sorts by time and is made once."""
    return f"{now:%Y%m%dt%H%M%Sz}-{secrets.token_hex(4)}"

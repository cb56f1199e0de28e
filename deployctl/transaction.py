"""The transaction: everything that was decided about one run, as a command. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from deployctl import history
from deployctl.command import Command
from deployctl.compose.project import TAG_PLACEHOLDER, compose_argv
from deployctl.inventory import ComposeService
from deployctl.model import Action, Container, Origin, Release
from deployctl.scripts import kept_image, kept_repository, transact

STABLE_UNCHECKED = 5.0

# Seconds, beside the waits that the inventory sets; more than the sum of the limits in the script.
_RUN_LIMIT = 2400.0


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
    seen_containers: tuple[Container, ...]
    seen_history: int
    files: str
    image_store: str
    next_seq: int
    found: tuple[history.Entry, ...]
    keep_tags: tuple[str, ...] | None
    origin: Origin
    wait: float
    now: datetime


def begin_command(plan: Plan) -> Command:
    """Return the command that starts the transaction and follows it."""
    options = [word for pair in _options(plan).items() for word in pair]
    return transact("begin", *options, "--", *compose_argv(plan.service.compose_files))


def begin_limit(plan: Plan) -> float:
    """Seconds for the whole transaction: more than the sum of the limits inside it."""
    return plan.wait + 4 * plan.service.health_timeout + _RUN_LIMIT


def _options(plan: Plan) -> dict[str, str]:
    service = plan.service
    previous = plan.previous
    stable = service.stable
    return {
        "--directory": service.directory,
        "--state": service.state_directory,
        "--run": plan.run,
        "--holder": _holder_note(plan),
        "--wait": str(math.ceil(plan.wait)),
        "--expect-history": str(plan.seen_history),
        "--expect-files": plan.files,
        "--expect-containers": seen_containers_text(plan.seen_containers),
        "--ignore-hold": "yes" if plan.action is Action.ROLLBACK else "no",
        "--project": plan.project,
        "--service": service.name,
        "--replicas": str(plan.replicas),
        "--dependencies": " ".join(plan.dependencies),
        "--tag-variable": service.tag_variable,
        "--placeholder": TAG_PLACEHOLDER,
        "--tag": plan.release.tag,
        "--image": plan.image,
        "--image-id": plan.release.image_id,
        "--kept-image": kept_image(service.name, plan.release.tag),
        "--recreate": "yes" if plan.recreate else "no",
        "--alone": "yes" if plan.alone else "no",
        "--env-file": plan.env_file,
        "--health-timeout": _centiseconds(service.health_timeout),
        "--stable-checked": _centiseconds(stable if stable is not None else 0),
        "--stable-unchecked": _centiseconds(stable if stable is not None else STABLE_UNCHECKED),
        "--seq": str(plan.next_seq),
        "--found": "\n".join(map(history.interrupted_fields, plan.found)),
        "--record": _record(plan),
        "--restore-tag": previous.tag if previous else "",
        "--restore-image": plan.previous_image,
        "--restore-image-id": previous.image_id if previous else "",
        "--restore-config": plan.previous_run,
        "--keep": "all" if plan.keep_tags is None else " ".join(plan.keep_tags),
        "--kept-repository": kept_repository(service.name),
        "--releases-kept": str(service.keep),
    }


def seen_containers_text(containers: Sequence[Container]) -> str:
    """Return the containers as transact.sh lists them, to be compared under the lock."""
    return "\n".join(sorted(f"{c.id} {c.image_id} {'up' if c.up else 'down'}" for c in containers))


def _holder_note(plan: Plan) -> str:
    return json.dumps(
        {
            "run": plan.run,
            "by": plan.origin.by,
            "action": plan.action,
            "service": plan.service.name,
            "tag": plan.release.tag,
            "since": f"{plan.now:%Y-%m-%dT%H:%M:%SZ}",
        },
        separators=(",", ":"),
    )


def _record(plan: Plan) -> str:
    return history.record_fields(
        run=plan.run,
        action=plan.action,
        service=plan.service.name,
        release=plan.release,
        previous=plan.previous,
        image_store=plan.image_store,
        files=plan.files,
        by=plan.origin.by,
        source=plan.origin.source,
        run_url=plan.origin.run_url,
        workflow_run=plan.origin.workflow_run,
    )


def _centiseconds(seconds: float) -> str:
    return str(round(seconds * 100))

"""The commands for the host scripts, and the events in what they print. Pure.

The scripts are package data and are sent byte for byte; every value travels as an argument.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from deployctl import history
from deployctl.command import Command
from deployctl.compose import TAG_PLACEHOLDER, compose_argv
from deployctl.errors import HostError
from deployctl.facts import Holder, decode, read_holder
from deployctl.inventory import Service
from deployctl.model import Action, Container, Origin, Release

STABLE_UNCHECKED = 5.0

# Seconds. Each limit is more than the sum of those inside the script, which end first.
PULL_LIMIT = 600
PROBE_LIMIT = 90.0
FETCH_LIMIT = PULL_LIMIT + 90.0
FOLLOW_LIMIT = 3600.0
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
    service: Service
    project: str
    release: Release
    image: str
    previous: Release | None
    previous_image: str
    previous_run: str
    replicas: int
    dependencies: tuple[str, ...]
    recreate: bool
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


@dataclass(frozen=True)
class Transcript:
    """What a run's events said so far; `hear` adds one.

    Attributes:
        begun: the change was started on the host.
        waited: another run held the lock at first.
        end: how it came to its end: "outcome", "ended", "busy", "changed", "refused",
            "cancelled", "unknown-run"; empty: not yet.
        what: of a refusal or change: what was refused or changed.
        text: the event's text, as bytes: a history line, a holder, evidence.
        shown: logs to show after a failure, by event name.
        restore_reason: why the restore failed; empty: it did not.
        recorded: whether the outcome could be written into the history.
        unchecked: the release is up, but has no health check that says more.
        step: the last step that began.
    """

    begun: bool = False
    waited: bool = False
    end: str = ""
    what: str = ""
    text: bytes = b""
    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    restore_reason: str = ""
    recorded: bool = True
    unchecked: bool = False
    step: str = ""

    def entry(self) -> history.Entry | None:
        """Return the history line that ended the run, if it can be read."""
        entries = history.parse(self.text + b"\n").entries
        return entries[-1] if entries else None

    def holder(self) -> Holder:
        """Return who holds the lock, after "busy"."""
        return read_holder(self.text)


_RUN_ID = re.compile(r"[0-9a-z][0-9a-z-]{7,63}\Z", re.ASCII)
_ENDS = frozenset({"outcome", "ended", "busy", "changed", "refused", "cancelled", "unknown-run"})
_LOGS = frozenset({"container-log", "health-log", "run-log"})


def new_run_id(now: datetime) -> str:
    """Return a run id that sorts by time and is made once."""
    return f"{now:%Y%m%dt%H%M%Sz}-{secrets.token_hex(4)}"


def is_run_id(text: str) -> bool:
    """Whether a text can be a run's id: it names a directory on the host."""
    return _RUN_ID.match(text) is not None


def kept_repository(service: str) -> str:
    """Return our own name for a service's images: it protects them from `docker image prune`."""
    return f"deployctl/{service}"


def kept_image(service: str, tag: str) -> str:
    """Return our own name for one release."""
    return f"{kept_repository(service)}:{tag}"


# ---------------------------------------------------------------- commands


def probe_command(service: Service, *, change: bool) -> Command:
    """Return the command that reads the facts; `change`: also what a change depends on."""
    return _script(
        "probe.sh",
        "change" if change else "status",
        service.directory,
        service.state_directory,
        service.tag_variable,
        TAG_PLACEHOLDER,
        *service.compose_files,
    )


def fetch_command(service: str, image: str, tag: str) -> Command:
    """Return the command that brings an image to the host."""
    return _script("fetch.sh", image, kept_image(service, tag), str(PULL_LIMIT))


def begin_command(plan: Plan) -> Command:
    """Return the command that starts the transaction and follows it."""
    options = [word for pair in _options(plan).items() for word in pair]
    return _transact("begin", *options, "--", *compose_argv(plan.service.compose_files))


def follow_command(state_directory: str, run: str, *, cancel: bool, watch: bool = True) -> Command:
    """Return the command that asks for a run again.

    Args:
        state_directory: where its host keeps deployctl's files.
        run: its id.
        cancel: if it has not begun, it never will.
        watch: stay until it ends; otherwise only learn how it stands.
    """
    options = {
        "--state": state_directory,
        "--run": run,
        "--cancel": "yes" if cancel else "no",
        "--watch": "yes" if watch else "no",
    }
    return _transact("follow", *(word for pair in options.items() for word in pair), "--")


def begin_limit(plan: Plan) -> float:
    """Seconds for the whole transaction: more than the sum of the limits inside it."""
    return plan.wait + 4 * plan.service.health_timeout + _RUN_LIMIT


def _transact(verb: str, *words: str) -> Command:
    # The text is an argument, so that the script can start its detached part from it.
    text = _script_text("transact.sh")
    return Command(("sh", "-c", 'eval "$1"', "deployctl", text, verb, *words))


def _script(name: str, *words: str) -> Command:
    return Command(("sh", "-c", _script_text(name), "deployctl", *words))


@cache
def _script_text(name: str) -> str:
    return files("deployctl").joinpath("host", name).read_text(encoding="utf-8")


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
    )


def _centiseconds(seconds: float) -> str:
    return str(round(seconds * 100))


# ---------------------------------------------------------------- events


def hear(transcript: Transcript, line: bytes) -> Transcript:
    """Add one line that transact.sh printed; what is no event of it is passed over."""
    try:
        return _heard(transcript, _event(line))
    except HostError:
        return transcript  # its text cannot be read


def waiting_for(line: bytes) -> Holder | None:
    """Return who holds the lock, if the line asks the client whether it still waits."""
    event = _event(line)
    if event.get("event") != "waiting":
        return None
    try:
        return read_holder(_text(event))
    except HostError:
        return Holder()


def is_event(line: bytes) -> bool:
    """Whether a line can be one of transact.sh, and not something else that the host says."""
    return "event" in _event(line)


def _heard(transcript: Transcript, event: Mapping[str, Any]) -> Transcript:
    what = str(event.get("what", ""))
    news: dict[str, Any] = {}
    match event.get("event"):
        case "waiting":
            news = {"waited": True}
        case "begun":
            news = {"begun": True}
        case "step":
            news = {"begun": True, "step": what}
        case "well":
            news = {"unchecked": what == "unchecked"}
        case "restore-failed":
            news = {"restore_reason": str(event.get("reason", ""))}
        case "not-recorded":
            news = {"recorded": False}
        case str(kind) if kind in _LOGS:
            news = {"shown": {**transcript.shown, kind: _log_lines(event)}}
        case str(kind) if kind in _ENDS and not (kind == "ended" and transcript.end):
            news = {"end": kind, "what": what, "text": _text(event)}
    return replace(transcript, **news)


def _event(line: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(event: Mapping[str, Any]) -> bytes:
    return decode(event.get("text", ""))


def _log_lines(event: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_text(event).decode("utf-8", "replace").splitlines())

"""transact.sh: a plan as a command, a run's id as one that follows it, and their events. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployctl.compose.container import ComposeContainer
from deployctl.compose.host import script
from deployctl.compose.host.lock import read_holder, read_stranger
from deployctl.compose.host.wire import decode, lines
from deployctl.compose.kept_images import kept_image, kept_repository
from deployctl.compose.lock import Stranger
from deployctl.compose.plan import Plan
from deployctl.compose.project import TAG_PLACEHOLDER, compose_argv
from deployctl.errors import HostError
from deployctl.inventory import ComposeService
from deployctl.release import record, suggest
from deployctl.release.foreign_json import json_object
from deployctl.release.origin import Origin
from deployctl.release.release import Action
from deployctl.release.results import UnfinishedRun
from deployctl.ssh.command import Command

STABLE_UNCHECKED = 5.0
COMPLETION_LIMIT = 300.0
"""Seconds that a one-shot has at least to run to its end."""
FOLLOW_LIMIT = 3600.0  # seconds
_SLACK = 600.0  # seconds for all that has no limit of its own in the plan
_RUNGS = 3  # ways to put a release back, each with an `up` and a wait for health


def begin_command(plan: Plan) -> Command:
    """Return the command that starts the transaction and follows it."""
    return _transact("begin", _options(plan), *compose_argv(plan.service.compose_files))


def begin_limit(plan: Plan) -> float:
    """Seconds after which the connection counts as lost, and the run is asked for anew.

    More than a run takes, but for one in which docker goes away again and again.
    """
    service, first = plan.service, len(plan.dependencies)
    waits = first + 1 + 2 * _RUNGS
    each = plan.up_limit + service.health_timeout
    return plan.wait + waits * each + first * 2 * _completion_timeout(service) + _SLACK


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
    return _transact("follow", options)


def abort_command(service: ComposeService, origin: Origin) -> Command:
    """Return the command that ends the run of a service that is under way, and follows its end.

    Args:
        service: whose run.
        origin: who asks for it; the run's record names them.
    """
    options = {
        "--state": service.state_directory,
        "--service": service.name,
        "--aborted": record.aborted_fields(origin.by),
    }
    return _transact("abort", options)


def _transact(verb: str, options: Mapping[str, str], *words: str) -> Command:
    # With its text, so that the script can start its detached part from it.
    pairs = (word for pair in options.items() for word in pair)
    return script.command_with_its_text("transact.sh", verb, *pairs, "--", *words)


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
        "--dependencies": " ".join(f"{d.name}:{d.need}:{d.condition}" for d in plan.dependencies),
        "--looked-at": " ".join(plan.looked_at),
        "--completion-timeout": _centiseconds(_completion_timeout(service)),
        "--tag-variable": service.tag_variable,
        "--placeholder": TAG_PLACEHOLDER,
        "--tag": plan.release.tag,
        "--image": plan.image,
        "--image-id": plan.release.image_id,
        "--kept-image": kept_image(plan.project, service.name, plan.release.tag),
        "--unchanged": "yes" if plan.unchanged else "no",
        "--recreate": "yes" if plan.recreate else "no",
        "--alone": "yes" if plan.alone else "no",
        "--env-file": plan.env_file,
        "--up-limit": _centiseconds(plan.up_limit),
        "--stop-grace": str(math.ceil(plan.stop_grace)),
        "--health-timeout": _centiseconds(service.health_timeout),
        "--stable-checked": _centiseconds(stable if stable is not None else 0),
        "--stable-unchecked": _centiseconds(stable if stable is not None else STABLE_UNCHECKED),
        "--seq": str(plan.next_seq),
        "--found": "\n".join(map(record.interrupted_fields, plan.found)),
        "--record": _record(plan),
        "--served-well": "yes" if plan.served_well else "no",
        "--restore-tag": previous.tag if previous else "",
        "--restore-image": plan.previous_image,
        "--restore-image-id": previous.image_id if previous else "",
        "--restore-config": plan.previous_run,
        "--kept-repository": kept_repository(plan.project, service.name),
        "--outdated-kept": " ".join(plan.outdated.kept),
        "--outdated-tags": " ".join(plan.outdated.tags),
        "--configurations": " ".join(filter(suggest.has_form_of_run, plan.configurations)),
        "--releases-kept": str(service.keep),
    }


def _completion_timeout(service: ComposeService) -> float:
    return max(COMPLETION_LIMIT, service.health_timeout)


def seen_containers_text(containers: Sequence[ComposeContainer]) -> str:
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
    return record.record_fields(
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
        found=plan.serving,
        unchanged=plan.unchanged,
    )


def _centiseconds(seconds: float) -> str:
    return str(round(seconds * 100))


# ---------------------------------------------------------------- events

_ENDS = frozenset({"outcome", "ended", "busy", "changed", "refused", "cancelled", "unknown-run"})
STRANGER = "stranger"
"""What a "busy" is about where no run holds the lock."""
_LONGEST = 1e9
_FLAGS = {
    "waiting": {"waited": True},
    "begun": {"begun": True},
    "docker-away": {"docker_away": True},
    "not-recorded": {"recorded": False},
    "aborted": {"aborted": True},
}
_LOGS = frozenset({"container-log", "health-log", "run-log"})


@dataclass(frozen=True)
class RunEvents:
    """What a run's events said so far.

    Attributes:
        begun: the change was started on the host.
        waited: another run held the lock at first.
        end: how it came to its end: "outcome", "ended", "busy", "changed", "refused",
            "cancelled", "unknown-run"; empty: not yet.
        what: of a refusal or change: what was refused or changed.
        text: the event's text, as bytes: a history line, a holder, evidence.
        shown: logs to show after a failure, by event name.
        limit: seconds that the release was given to get healthy, where they were not enough; None:
            it failed in another way.
        restore_reason: why the restore failed; empty: it did not.
        recorded: whether the outcome could be written into the history.
        unchecked: the release is up, but has no health check that says more.
        docker_away: docker did not answer for a while, and was waited for.
        aborted: somebody aborts the run, and it has seen that.
        aborting: as which an abort of it began; None: there was none.
        step: the last step that began.
        step_at: when it did, in seconds since the run began; None: not known.
    """

    begun: bool = False
    waited: bool = False
    end: str = ""
    what: str = ""
    text: bytes = b""
    shown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limit: float | None = None
    restore_reason: str = ""
    recorded: bool = True
    unchecked: bool = False
    docker_away: bool = False
    aborted: bool = False
    aborting: UnfinishedRun | None = None
    step: str = ""
    step_at: float | None = None

    def with_line(self, line: bytes) -> RunEvents:
        """Add one line that the script printed; what is no event of it is passed over."""
        try:
            news = self._news(_event(line))
        except HostError:
            return self  # its text cannot be read
        return replace(self, **news) if news else self

    def _news(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        what = str(event.get("what", ""))
        news: dict[str, Any] = {}
        match event.get("event"):
            case "step":
                news = {"begun": True, "step": what, "step_at": _seconds(event)}
            case "aborting":
                news = {"aborting": read_holder(_text(event))}
            case "well":
                news = {"unchecked": what == "unchecked"}
            case "gave-up" if self.step != "restore" and self.limit is None:
                news = {"limit": _seconds(event)}
            case "restore-failed":
                news = {"restore_reason": str(event.get("reason", ""))}
            case str(kind) if kind in _FLAGS:
                news = dict(_FLAGS[kind])
            case str(kind) if kind in _LOGS:
                news = {"shown": {**self.shown, kind: lines(_text(event))}}
            case str(kind) if kind in _ENDS and not (kind == "ended" and self.end):
                news = {"end": kind, "what": what, "text": _text(event)}
        return news

    @property
    def lines(self) -> tuple[str, ...]:
        """The event's text in lines."""
        return lines(self.text)

    def entry(self) -> record.Entry | None:
        """Return the history line that ended the run, if it can be read."""
        entries = record.parse(self.text + b"\n").entries
        return entries[-1] if entries else None

    def ended_at(self) -> float | None:
        """Return when the run ended, in seconds since it began; None: not known."""
        entry = self.entry()
        return entry.seconds if entry and entry.event in record.OUTCOMES else None

    def holder(self) -> UnfinishedRun:
        """Return who holds the lock, after "busy"."""
        return read_holder(self.text)


def waiting_for(line: bytes) -> UnfinishedRun | Stranger | None:
    """Return who holds the lock, if the line asks the client whether it still waits."""
    event = _event(line)
    if event.get("event") != "waiting":
        return None
    try:
        return (read_stranger if event.get("what") == STRANGER else read_holder)(_text(event))
    except HostError:
        return UnfinishedRun()


def is_event(line: bytes) -> bool:
    """Whether a line can be an event, and not something else that the host says."""
    return "event" in _event(line)


def _event(line: bytes) -> Mapping[str, Any]:
    try:
        return json_object(line)
    except ValueError:
        return {}


def _text(event: Mapping[str, Any]) -> bytes:
    return decode(event.get("text", ""))


def _seconds(event: Mapping[str, Any]) -> float | None:
    """A time that can be shown; None: there is none, or something else in its place."""
    value = event.get("seconds")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < _LONGEST else None

"""What each command can meet on a host: run once against the real scripts, then retold."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployctl.cli.requester import origin
from deployctl.compose.host.script import script_text
from deployctl.errors import DeployctlError
from deployctl.inventory import Host
from deployctl.ssh.command import Command, Completed
from deployctl.ssh.session import Session
from tests.host.fake_host import AS_ANYBODY, WEB, FakeHost, LocalSession, OnLine, locked
from tests.inventory_text import host_table, service_table
from tests.unit.build import digest, image_id, tag

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "3c4d5e6f70819203a4b5c6d7e8f9012345678901",
    "GITHUB_REPOSITORY": "owner/backend",
    "GITHUB_ACTOR": origin({}).by,
    "GITHUB_RUN_ID": "1234567890",
    "GITHUB_RUN_NUMBER": "12",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_WORKFLOW_REF": "owner/backend/.github/workflows/deploy.yml@refs/heads/main",
}
"""The step of a workflow from which some calls come."""
RUN = "20261124t120000z-0badc0de"
"""A run that a scene invents."""
_NOTE = {
    "run": RUN,
    "by": "sam",
    "action": "deploy",
    "service": WEB,
    "tag": tag(3),
    "since": "2026-11-24T12:00:00Z",
}
_HOLD = '{"v":1,"at":"2026-11-24T12:00:00Z","by":"sam","reason":"audit"}\n'
_HOST = """
address = "vps.example"
user = "deploy"
host_key = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""
_SETTINGS = """\
health_timeout = "1s"
stable = "0s"
keep = 2
"""

_WORDS_OF_A_CHECK = 6  # sh -c SCRIPT deployctl STATE KEPT

Prepare = Callable[[FakeHost], None]


@dataclass(frozen=True)
class Scene:
    """What one command can meet.

    Attributes:
        arguments: of deployctl.
        prepare: makes it so on a host that runs release 2, and release 1 before.
        exit_status: that an honest host leads to.
        inventory: further lines for the service.
        busy: another run holds the host's lock.
        stranger: something that is no run holds it.
        instead: what the host says to a command, by its verb, in place of what it did say: for
            what a fake host cannot be brought to.
        before: what happens on the host right before it hears a command, by its verb.
    """

    arguments: tuple[str, ...]
    prepare: Prepare = lambda _: None
    exit_status: int = 0
    inventory: str = ""
    busy: bool = False
    stranger: bool = False
    instead: dict[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    before: dict[str, Prepare] = field(default_factory=dict)


def _deploys(number: int, behaviour: str = "healthy") -> Prepare:
    return lambda host: host.push(number, behaviour)


def _both_fail(host: FakeHost) -> None:
    host.push(3, "unhealthy")
    host.push(2, "exits")


def _failed_before(host: FakeHost) -> None:
    host.push(3, "exits")
    _ending(host.deploy, 3)


def _ending(run: Callable[[int], object], number: int) -> None:
    with suppress(DeployctlError):
        run(number)


def _append(host: FakeHost, **fields: Any) -> None:
    last = host.lines()[-1]
    line = {**last, "seq": last["seq"] + 1, **fields}
    with (host.state / "history.jsonl").open("a") as file:
        file.write(json.dumps(line, separators=(",", ":")) + "\n")


def _interrupted(host: FakeHost) -> None:
    _append(host, event="started", run=RUN, tag=tag(3))


def _known_run(host: FakeHost) -> None:
    """That the workflow's run asked for what runs is recorded already."""
    host.deploy(2, origin=origin(GITHUB))


def _gap(host: FakeHost) -> None:
    path = host.state / "history.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], *lines[3:], "{torn\n"]))


def _forgotten(host: FakeHost) -> None:
    (host.state / "history.jsonl").unlink()


def _recorded(host: FakeHost) -> None:
    """A run that is over, under a name that is known beforehand."""
    last = host.lines()[-1]["run"]
    for path in (host.state / "history.jsonl", host.state / "runs" / last / "outcome"):
        path.write_text(path.read_text().replace(last, RUN))
    (host.state / "runs" / last).rename(host.state / "runs" / RUN)


def _killed(host: FakeHost) -> None:
    """A run that was claimed and began, and ended without a word."""
    _interrupted(host)
    (host.state / "runs" / RUN).mkdir()
    (host.state / "runs" / RUN / "claim").write_text("begun\n")


def _held(host: FakeHost) -> None:
    host.set_hold(_HOLD)


def _own_hold(host: FakeHost) -> None:
    host.set_hold(json.dumps({"v": 1, "at": "x", "by": origin({}).by, "reason": "audit"}) + "\n")


def _shared(host: FakeHost) -> None:
    host.configure(build=".")


def _event(name: str, what: str, text: str) -> list[dict[str, Any]]:
    return [{"event": name, "what": what, "text": base64.b64encode(text.encode()).decode()}]


def _of(number: int) -> dict[str, str]:
    return {"tag": tag(number), "image_id": image_id(number), "digest": digest(number)}


_DEPLOY = ("deploy", WEB, tag(3))
_ABORTED = {
    "v": 1,
    "seq": 6,
    "at": "2026-11-24T12:00:09Z",
    "event": "restored",
    "run": RUN,
    "action": "deploy",
    "service": WEB,
    **_of(3),
    "previous": _of(2),
    "by": "sam",
    "reason": "aborted",
    "seconds": 9.5,
    "serves": tag(2),
    "rung": "untouched",
    "aborted_by": "kim",
}
_ENV_FILE = "owner deploy /opt/infra/compose/.env\ndirectory deploy /opt/infra/compose"

SCENES: dict[str, Scene] = {
    "status": Scene(("status",)),
    "status --check": Scene(("status", WEB, "--check")),
    "status, interrupted": Scene(("status",), _interrupted),
    "status, busy": Scene(("status",), busy=True),
    "status, held": Scene(("status",), _held),
    "status, after a failure": Scene(("status",), _failed_before),
    "status, damaged": Scene(("status",), _gap),
    "status, lock taken": Scene(("status",), stranger=True),
    "check, lock taken": Scene(("check",), exit_status=5, stranger=True),
    "deploy, lock taken": Scene(_DEPLOY, exit_status=5, stranger=True),
    "hold, lock taken": Scene(("hold", WEB, "--reason", "upgrade"), stranger=True),
    "history": Scene(("history", WEB)),
    "history, interrupted": Scene(("history",), _interrupted),
    "history, busy": Scene(("history",), _interrupted, busy=True),
    "history --events": Scene(("history", "--events"), _gap),
    "check": Scene(("check",)),
    "check, busy": Scene(("check",), _interrupted, 5, busy=True),
    "check, held": Scene(("check", WEB), _held, 5, inventory="persist = true\n"),
    "check, forgotten": Scene(("check", WEB), _forgotten),
    "deploy": Scene(_DEPLOY),
    "deploy --dry-run": Scene((*_DEPLOY, "--dry-run"), _interrupted),
    "deploy, unchanged": Scene(("deploy", WEB, tag(2)), _known_run),
    "deploy, expected": Scene((*_DEPLOY, "--expect-current", tag(2))),
    "deploy, put back": Scene(_DEPLOY, _deploys(3, "exits"), 6),
    "deploy, broken": Scene(_DEPLOY, _both_fail, 7),
    "deploy, no such tag": Scene(("deploy", WEB, tag(9)), exit_status=3),
    "deploy, busy": Scene(_DEPLOY, exit_status=5, busy=True),
    "deploy, held": Scene(_DEPLOY, _held, 5),
    "deploy, held meanwhile": Scene(_DEPLOY, exit_status=5, before={"begin": _held}),
    "deploy, changed meanwhile": Scene(
        _DEPLOY, exit_status=5, before={"begin": _interrupted, "probe": lambda _: None}
    ),
    "deploy, busy meanwhile": Scene(
        _DEPLOY, exit_status=5, instead={"begin": _event("busy", "holder", json.dumps(_NOTE))}
    ),
    "deploy, no .env": Scene(
        _DEPLOY, exit_status=4, instead={"begin": _event("refused", ".env", _ENV_FILE)}
    ),
    "deploy, disk full": Scene(
        _DEPLOY,
        exit_status=4,
        instead={
            "begin": _event("refused", "disk-full", "/opt/infra/.deployctl\n/dev/vda 9 9 0 100% /")
        },
    ),
    "deploy, unwritable": Scene(
        _DEPLOY, exit_status=4, instead={"begin": _event("refused", "state-directory", "")}
    ),
    "deploy, built": Scene(_DEPLOY, _shared, 3),
    "rollback": Scene(("rollback", WEB)),
    "rollback --dry-run": Scene(("rollback", WEB, "--dry-run")),
    "rollback, named": Scene(("rollback", WEB, tag(1))),
    "rollback, unknown": Scene(("rollback", WEB, tag(7)), exit_status=3),
    "rollback, put back already": Scene(("rollback", WEB), _failed_before, 3),
    "rollback, damaged": Scene(("rollback", WEB), _gap, 3),
    "rollback, forgotten": Scene(("rollback", WEB), _forgotten, 3),
    "rollback, busy": Scene(("rollback", WEB), exit_status=5, busy=True),
    "follow": Scene(("follow", "vps", RUN), _recorded),
    "follow, unknown": Scene(("follow", "vps", RUN), exit_status=4),
    "follow, interrupted": Scene(("follow", "vps", RUN), _killed, 7),
    "hold": Scene(("hold", WEB, "--reason", "upgrade")),
    "hold, held": Scene(("hold", WEB, "--reason", "upgrade"), _held, 5),
    "hold, replaced": Scene(("hold", WEB, "--reason", "upgrade"), _own_hold),
    "hold, busy": Scene(("hold", WEB, "--reason", "upgrade"), busy=True),
    "abort": Scene(
        ("abort", WEB),
        instead={
            "abort": [
                *_event("aborting", "run", json.dumps(_NOTE)),
                {"event": "step", "what": "up", "seconds": 0.5},
                {"event": "aborted"},
                {"event": "step", "what": "restore", "seconds": 9.1},
                *_event("outcome", "entry", json.dumps(_ABORTED)),
            ]
        },
    ),
    "abort, nothing": Scene(("abort", WEB), exit_status=3),
    "abort, of another service": Scene(
        ("abort", WEB),
        exit_status=3,
        instead={"abort": _event("refused", "other-service", json.dumps(_NOTE))},
    ),
    "abort, no guardian": Scene(
        ("abort", WEB),
        exit_status=3,
        instead={"abort": _event("refused", "no-guardian", json.dumps(_NOTE))},
    ),
    "unhold": Scene(("unhold", WEB), _held),
    "unhold, not held": Scene(("unhold", WEB)),
}


@dataclass
class Telling:
    """What a host said to one command."""

    verb: str
    run: str
    completed: Completed


@dataclass
class Recording:
    """What a host said to each command of a call of deployctl, in their order."""

    inventory: Path
    arguments: tuple[str, ...]
    tellings: list[Telling]


def verb_of(command: Command) -> str:
    """Return which script, and which part of it, a command asks for."""
    words = command.argv
    if words[2] == 'eval "$1"':
        return words[5]
    first = {"status": "probe", "change": "probe", "set": "hold", "lift": "unhold"}
    if words[4] in first:
        return first[words[4]]
    return "check" if words[2] == script_text("check.sh") else "fetch"


def run_of(command: Command) -> str:
    """Return the run that a command is about; empty: none."""
    words = command.argv
    return words[words.index("--run") + 1] if "--run" in words else ""


class RecordingSession(LocalSession):
    """Runs the real scripts on a host, and keeps what they print."""

    def __init__(self, host: FakeHost, scene: Scene, kept: list[Telling]) -> None:
        super().__init__(host)
        self._scene = scene
        self._kept = kept

    def run(
        self,
        command: Command,
        *,
        timeout: float,
        on_line: OnLine | None = None,
        answers: bool = True,
        meanwhile: Callable[[], object] | None = None,
    ) -> Completed:
        """Run a command, or say what the scene has instead."""
        verb = verb_of(command)
        if happens := self._scene.before.get(verb):
            happens(self._there)
        if verb in self._scene.instead:
            lines = [json.dumps(line).encode() for line in self._scene.instead[verb]]
            for line in lines:
                if on_line:
                    on_line(line)
            completed = Completed(0, b"\n".join(lines) + b"\n", b"")
        else:
            completed = super().run(
                command, timeout=timeout, on_line=on_line, answers=answers, meanwhile=meanwhile
            )
        self._kept.append(Telling(verb, run_of(command), completed))
        return completed


def recorded(
    scene: Scene,
    host: FakeHost,
    play: Callable[[Path, tuple[str, ...], Callable[[Host], Session]], int],
) -> Recording:
    """Play a scene on a host and return what was said.

    Args:
        scene: which.
        host: its own.
        play: runs a command line of deployctl and returns its exit status.
    """
    inventory = host.root / "inventory.toml"
    service = service_table(
        WEB,
        _SETTINGS + scene.inventory,
        directory=host.service.directory,
        compose_files=host.service.compose_files,
    )
    inventory.write_text(host_table(_HOST) + service)
    scene.prepare(host)
    kept: list[Telling] = []
    with _locked(host, scene):
        status = play(inventory, scene.arguments, lambda _: RecordingSession(host, scene, kept))
    assert status == scene.exit_status, (scene.arguments, status)
    return Recording(inventory, scene.arguments, kept)


@contextmanager
def _locked(host: FakeHost, scene: Scene) -> Iterator[None]:
    if scene.stranger:
        with locked(host, program=AS_ANYBODY):
            yield
        return
    with locked(host) if scene.busy else nullcontext():
        note = json.dumps(_NOTE, separators=(",", ":"))
        if scene.busy:
            (host.state / "lock").write_text(f"{note}\n")
        yield

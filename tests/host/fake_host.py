"""A host without a container: the real scripts, a fake docker, and deployctl's own client.

Everything between the client and docker is what a VPS would run: the commands that
`transaction` makes, the scripts byte for byte, in processes of their own, with real locks and
real files. Only the SSH connection is a pipe, and docker is `fake/docker`.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from deployctl.compose import drift, preconditions, run
from deployctl.compose import plan as plan_module
from deployctl.compose.abort import abort
from deployctl.compose.deploy import deploy
from deployctl.compose.facts import FetchedImage, FetchFailure, HostFacts
from deployctl.compose.follow import follow
from deployctl.compose.host.fetch import fetch_command, read_fetch
from deployctl.compose.host.probe import probe_command, read_probe
from deployctl.compose.host.transact import RunEvents, waiting_for
from deployctl.compose.plan import Plan
from deployctl.compose.request import DeployRequest, RollbackRequest
from deployctl.compose.rollback import rollback
from deployctl.compose.service import ConfiguredOnHost
from deployctl.errors import CommandTimeoutError, ConnectionLostError
from deployctl.events import Event
from deployctl.inventory import ComposeService, Gates, Host, Registry
from deployctl.release.abort import AbortResult
from deployctl.release.origin import Origin
from deployctl.release.release import Action, Release
from deployctl.release.results import RunResult, State
from deployctl.ssh.command import Command, Completed
from deployctl.ssh.connection import Connection
from deployctl.ssh.session import Session
from tests.unit.build import NOW, digest, image_id, tag

FAKES = Path(__file__).parent / "fake"
PROJECT, WEB, DB = "infra", "web", "db"
REPOSITORY = "registry.example/web"
KEPT = f"deployctl/{PROJECT}/{WEB}"
FETCHED = f"{KEPT}:fetched"
OnLine = Callable[[bytes], bytes | None]


# ---------------------------------------------------------------- the shells


@dataclass(frozen=True)
class Flavour:
    """A shell and the tools beside it, as a distribution has them."""

    name: str
    tools: Path

    @classmethod
    def dash(cls, directory: Path) -> Flavour:
        """Debian's: dash, GNU tools, util-linux."""
        directory.mkdir()
        for tool in (*_TOOLS, "flock"):
            _link_tool(directory, tool, _program(tool))
        _link_tool(directory, "sh", _program("dash"))
        return cls("dash", directory)

    @classmethod
    def ash(cls, directory: Path) -> Flavour:
        """BusyBox's shell with the same tools."""
        directory.mkdir()
        for tool in (*_TOOLS, "flock"):
            _link_tool(directory, tool, _program(tool))
        _link_tool(directory, "sh", _program("busybox"))
        return cls("ash", directory)

    @classmethod
    def busybox(cls, directory: Path) -> Flavour:
        """Alpine's: BusyBox for everything; flock, which Debian's BusyBox lacks, is another's."""
        directory.mkdir()
        for tool in (*_TOOLS, "sh"):
            _link_tool(directory, tool, _program("busybox"))
        _link_tool(directory, "flock", _program("flock"))
        return cls("busybox", directory)


one_shell = pytest.mark.parametrize("flavour", ["dash"], indirect=True)
"""For what takes long and is the same to every shell."""

# What the scripts and the fakes call; nothing else is there.
_TOOLS = (
    *("base64", "cat", "chmod", "cp", "cut", "date", "dd", "df", "dirname", "env", "find", "grep"),
    *(
        "head",
        "id",
        "ls",
        "mkdir",
        "mkfifo",
        "mktemp",
        "mv",
        "readlink",
        "rm",
        "sed",
        "setsid",
        "sha256sum",
    ),
    *("sleep", "sort", "sync", "tail", "timeout", "touch", "tr", "true", "wc"),
)


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        message = f"{name} is needed to test the host scripts (scripts/ensure-tools installs it)"
        raise RuntimeError(message)
    return Path(found).resolve() if name == "busybox" else Path(found)


def _link_tool(directory: Path, name: str, program: Path) -> None:
    (directory / name).symlink_to(program)


# ---------------------------------------------------------------- the host


@dataclass
class FakeHost:
    """One host with one Compose project: `web`, which needs `db`.

    Attributes:
        root: its files.
        flavour: its shell.
        hurry: seconds that stand in for every time limit inside the scripts; None: as written.
    """

    root: Path
    flavour: Flavour
    hurry: float | None = None
    service: ComposeService = field(init=False)

    def __post_init__(self) -> None:
        """Name the project's files."""
        self.service = ComposeService(
            name=WEB,
            hosts=("vps",),
            directory=str(self.root / "opt"),
            compose_files=("compose/docker-compose.yml", "compose/web.yml"),
            state_directory=str(self.root / "opt/.deployctl"),
            health_timeout=3.0,
            stable=0.0,
            keep=2,
        )

    # ---- making one

    @classmethod
    def make(cls, root: Path, flavour: Flavour) -> FakeHost:
        """Make a host on which nothing runs yet; releases 1 to 6 are in the registry."""
        host = cls(root, flavour)
        for name in ("tags", "images", "registry", "containers", "services", "ids", "moments"):
            (host.fake / name).mkdir(parents=True)
        (host.fake / "hung").mkdir()
        (host.fake / "hung/docker").symlink_to("/bin/bash")
        for phase in ("probe", "fetch", "transact", "follow", "hold"):
            (host.fake / "calls" / phase).mkdir(parents=True)
        host.project_directory.mkdir(parents=True)
        for file in host.service.compose_files:
            Path(host.service.directory, file).touch()
        host.write("services/web", f"{PROJECT} 1 {REPOSITORY}:@TAG@")
        host.write("services/db", f"{PROJECT} 1 db:1")
        host.configure()
        host.write(f"images/{image_id(99)}", f"healthy - {digest(99)} db")
        host.write("tags/db:1", image_id(99))
        for number in range(1, 7):
            host.push(number)
        return host

    def copy(self, root: Path) -> FakeHost:
        """Make another host in the same state."""
        shutil.copytree(self.root, root, symlinks=True)
        twin = FakeHost(root, self.flavour, hurry=self.hurry)
        twin.configure()
        return twin

    def configure(self, **web: Any) -> None:
        """Set what `docker compose config` says."""
        service = {"image": f"{REPOSITORY}:@TAG@", "depends_on": {DB: {"condition": ""}}, **web}
        value = {"name": PROJECT, "services": {DB: {"image": "db:1"}, WEB: service}}
        self.write("compose.json", json.dumps(value, separators=(",", ":")))

    def push(self, number: int, behaviour: str = "healthy", *, content: int | None = None) -> None:
        """Put a release into the registry; its containers will behave as told."""
        content = number if content is None else content
        name = image_id(content)
        self.write(f"images/{name}", f"{behaviour} {number:07x} {digest(content)} {REPOSITORY}")
        self.write(f"registry/{REPOSITORY}:{tag(number)}", name)

    # ---- its files

    @property
    def programs(self) -> tuple[Path, ...]:
        """Where its programs are, the fakes first."""
        hurried = (FAKES / "hurried",) if self.hurry else ()
        return (*hurried, FAKES, self.flavour.tools)

    @property
    def fake(self) -> Path:
        """Where the fake docker keeps its world."""
        return self.root / "fake"

    @property
    def project_directory(self) -> Path:
        """Where the first compose file is."""
        return self.root / "opt/compose"

    @property
    def state(self) -> Path:
        """deployctl's own files."""
        return Path(self.service.state_directory)

    def write(self, name: str, line: str) -> None:
        """Write a file of the fake docker's world."""
        path = self.fake / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + "\n", encoding="ascii")

    def set_hold(self, text: str) -> None:
        """Put a hold file there, as anybody could."""
        holds = self.state / "holds"
        holds.mkdir(exist_ok=True)
        (holds / WEB).write_text(text)

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the history; each must be JSON."""
        path = self.state / "history.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def events(self) -> list[str]:
        """What the history says, in short: "started 1", …"""
        return [f"{line['event']} {int(line['tag'][4:], 16)}" for line in self.lines()]

    # ---- what docker knows

    def containers(self, service: str = WEB) -> list[dict[str, str]]:
        """The containers of a service."""
        names = "service project image reference status restarts health started name made_with"
        found = []
        for path in sorted((self.fake / "containers").iterdir()):
            values = dict(zip(names.split(), path.read_text().split(), strict=False))
            if values["service"] == service:
                found.append({"id": path.name, **values})
        return found

    def serves(self) -> int | None:
        """The number of the release that runs and is healthy; None: there is no such thing."""
        good = [
            c for c in self.containers() if c["status"] == "running" and c["health"] != "unhealthy"
        ]
        if len(good) != len(self.containers()) or len({c["image"] for c in good}) != 1:
            return None
        return int(good[0]["image"].removeprefix("sha256:"), 16)

    def tagged(self, number: int) -> int | None:
        """The release that a tag points to on the host."""
        path = self.fake / "tags" / f"{REPOSITORY}:{tag(number)}"
        return int(path.read_text().strip().removeprefix("sha256:"), 16) if path.exists() else None

    def kept(self) -> list[str]:
        """The tags that are protected from `docker image prune`."""
        found = (self.fake / f"tags/{KEPT}").parent.glob("web:*")
        return sorted(path.name.removeprefix("web:") for path in found)

    # ---- faults

    def break_at(self, phase: str, first: int, kind: str, *, last: int | None = None) -> None:
        """Let the calls from `first` to `last` of a phase (default: only one) meet a fault."""
        self.write("fault", f"{phase} {first} {first if last is None else last} {kind}")

    def mend(self) -> None:
        """No more faults."""
        (self.fake / "fault").unlink(missing_ok=True)

    def calls(self, phase: str) -> list[str]:
        """What was called in a phase, in order."""
        found = sorted((self.fake / "calls" / phase).iterdir(), key=lambda path: int(path.name))
        return [path.read_text().strip() for path in found]

    def forget_calls(self) -> None:
        """Start counting again."""
        for path in (self.fake / "calls").glob("*/*"):
            path.unlink()

    def lock_is_free(self) -> bool:
        """Whether nobody holds the host's lock."""
        try:
            with (self.state / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:  # a run may take it away between two looks
            return True
        except BlockingIOError:
            return False
        return True

    # ---- the client's side

    def connect(self, _: Host) -> LocalSession:
        """Connect to it, as `deployctl.ssh.connect` would."""
        return LocalSession(self)

    def connection(self) -> Connection:
        """Return a connection for the operations."""
        return Connection(Host(name="vps", address="vps.example"), connect=self.connect)

    def asked(self, **changes: Any) -> dict[str, Any]:
        """Return what a user asks for, beside the tag."""
        usual: dict[str, Any] = {
            "service": self.service,
            "gates": Gates(),
            "passed": (),
            "origin": Origin("kim", "terminal"),
            "observer": _ignore,
        }
        return {**usual, **changes}

    def deploy(self, number: int, **changes: Any) -> RunResult:
        """Deploy a release, as the command does."""
        with self.connection() as connection:
            return deploy(connection, DeployRequest(tag=tag(number), **self.asked(**changes)))

    def rollback(self, number: int | None = None, **changes: Any) -> RunResult:
        """Roll back, as the command does."""
        wanted = None if number is None else tag(number)
        with self.connection() as connection:
            return rollback(connection, RollbackRequest(tag=wanted, **self.asked(**changes)))

    def follow(self, run: str) -> RunResult:
        """Watch a run again, as the command does."""
        with self.connection() as connection:
            return follow(connection, [self.service], run, _ignore)

    def abort(self) -> AbortResult:
        """End the run that is under way, as the command does."""
        with self.connection() as connection:
            return abort(connection, self.service, Origin("lee", "terminal"), _ignore)

    def probe(self, *, change: bool = True) -> HostFacts:
        """Return what the probe finds."""
        with self.connection() as connection:
            command = probe_command(self.service, change=change)
            return read_probe(connection.run(command, timeout=30).stdout)

    def status(self) -> State:
        """Return what status says."""
        return drift.judge(self.probe(change=False), self.service, "vps").state

    def plan(self, number: int, action: Action = Action.DEPLOY, **origin: Any) -> Plan:
        """Return the plan of a run, decided on what the host is like now; its image is there."""
        facts = self.probe()
        configuration = preconditions.require_ready(facts, self.service, self.connection().host)
        return plan_module.plan_of(
            ConfiguredOnHost.of(self.service, facts, configuration),
            action,
            Release(tag(number), image_id(number), digest(number)),
            **{"origin": Origin("kim", "terminal"), "wait": 0.0, "now": NOW, **origin},
        )

    def fetch(
        self,
        number: int,
        login: Registry | None = None,
        *,
        listener: Callable[[bytes], None] | None = None,
    ) -> FetchedImage | FetchFailure:
        """Bring the image of a release to the host, as a deploy does before the gates decide."""
        with self.connection() as connection:
            command = self.fetch_command(number, login)
            done = connection.run(command, timeout=30, on_line=listener, answers=False)
            return read_fetch(done.stdout, REPOSITORY)

    def fetch_command(self, number: int, login: Registry | None = None) -> Command:
        """Return the command that does it."""
        return fetch_command(f"{REPOSITORY}:{tag(number)}", FETCHED, login=login)

    def run(self, plan: Plan) -> RunEvents:
        """Run a plan to its end."""
        with self.connection() as connection:
            return run.run(connection, plan, _ignore)

    def events_of(self, command: Command, answer: bytes | None = b"still here\n") -> RunEvents:
        """Run a command and return what it said; `answer`: to the question whether we wait."""
        said = [RunEvents()]

        def listen(line: bytes) -> bytes | None:
            said.append(said[-1].with_line(line))
            return answer if waiting_for(line) else None

        LocalSession(self).run(command, timeout=30, on_line=listen)
        return said[-1]


def _ignore(_: Event) -> None:
    pass


def wait_until_tidy(host: FakeHost) -> None:
    """A run has its outcome before it tidies up."""
    give_up = time.monotonic() + 60
    while not host.lock_is_free():
        assert time.monotonic() < give_up
        time.sleep(0.02)


AS_A_RUN = 'exec 9>>"$1"; flock $2 9; echo held; '
"""Holds a lock as a run does: on descriptor 9. The next words are what is done then."""
AS_ANYBODY = 'exec 3<"$1"; flock $2 3; echo held; '
"""As whoever may read the file."""


@contextlib.contextmanager
def locked(
    host: FakeHost, flags: str = "", *, until: str = "read -r _", program: str = AS_A_RUN
) -> Iterator[subprocess.Popen[bytes]]:
    """Hold the host's lock, until a command ends or its input is closed.

    Args:
        host: whose lock.
        flags: of flock.
        until: the command.
        program: the shell that takes it, and prints a line when it has.
    """
    words = ["sh", "-c", program + until, "holder", str(host.state / "lock"), flags]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        try:
            yield holder
        finally:
            assert holder.stdin
            with contextlib.suppress(BrokenPipeError):
                holder.stdin.close()


# ---------------------------------------------------------------- the connection


class LocalSession(Session):
    """A connection that starts processes of this machine.

    Attributes:
        cut_after: lines after which the connection is lost; None: never.
    """

    def __init__(self, host: FakeHost, cut_after: int | None = None) -> None:
        self._there = host
        self.cut_after = cut_after

    def close(self) -> None:
        """There is nothing to close."""

    def run(
        self,
        command: Command,
        *,
        timeout: float,
        on_line: OnLine | None = None,
        answers: bool = True,
        meanwhile: Callable[[], object] | None = None,
    ) -> Completed:
        """Run a command with the host's shell, as sshd would."""
        with self.started(command) as process:
            if meanwhile is not None:
                meanwhile()
            timer = threading.Timer(timeout, functools.partial(_kill_group, process))
            timer.start()
            try:
                stdout = self._read(process, on_line, command.stdin, answers=answers)
            finally:
                timed_out = not timer.is_alive()
                timer.cancel()
            status = process.wait()
            errors = _drained(process.stderr)
        if timed_out:
            raise CommandTimeoutError("command-timeout", "a command did not end")
        return Completed(status, stdout, errors)

    @contextlib.contextmanager
    def started(self, command: Command) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command in a session of its own; what is left of it is hung up on."""
        there = self._there
        environment = {
            "PATH": ":".join(map(str, there.programs)),
            "HOME": str(there.root),
            "DOCKER_HOST": f"unix://{there.root}/docker.sock",
            "FAKE": str(there.fake),
            "FAKE_PHASE": phase_of(command),
            "FAKE_HURRY": str(there.hurry),
            "FAKE_PROJECT_DIRECTORY": str(there.project_directory),
            "REAL_TOOLS": str(there.flavour.tools),
        }
        process = subprocess.Popen(
            [str(there.flavour.tools / "sh"), "-c", command.as_shell()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            process.wait()

    def _read(
        self,
        process: subprocess.Popen[bytes],
        on_line: OnLine | None,
        stdin: bytes,
        *,
        answers: bool,
    ) -> bytes:
        assert process.stdin
        assert process.stdout
        process.stdin.write(stdin)
        if on_line is None or not answers:
            process.stdin.close()
        if on_line is None:
            return process.stdout.read()
        kept = []
        for count, line in enumerate(process.stdout, start=1):
            kept.append(line)
            answer = on_line(line.rstrip(b"\n"))
            if answer is not None and answers:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(answer)
                    process.stdin.flush()
            if count == self.cut_after:
                raise ConnectionLostError("connection-lost", "the connection broke")
        return b"".join(kept)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _drained(pipe: IO[bytes] | None) -> bytes:
    return pipe.read() if pipe else b""


def phase_of(command: Command) -> str:
    """Return what a command is for: the fakes count the calls of each by themselves."""
    words = command.argv
    if words[2] != 'eval "$1"':
        phases = dict.fromkeys(("status", "change", "check"), "probe")
        return {**phases, "set": "hold", "lift": "hold"}.get(words[4], "fetch")
    return "transact" if words[5] == "begin" else "follow"  # an abort only follows, too

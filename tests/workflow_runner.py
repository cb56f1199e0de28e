"""What a runner of GitHub Actions does with a job's steps, as far as deployctl's files need it.

It reads the files as they are, renders expressions, runs each `run:` with bash in a process of
its own, and obeys what steps write: outputs, variables, paths, summaries and commands in the
log. The parsers follow the runner's own source:
https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs and
https://github.com/actions/runner/blob/main/src/Runner.Worker/FileCommandManager.cs
"""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action.yml"
BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
INTERRUPTED_FOR = 7.5
TERMINATED_FOR = 2.5
SUMMARY_LIMIT = 1024 * 1024

_COMMANDS = frozenset(
    {
        *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group"),
        *("notice", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands"),
        "warning",
    }
)
_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_OLD_STYLE = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))
_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
# Done by the runner of a real job; here the checkout is there, and nothing was cached yet.
_DONE_ELSEWHERE = ("actions/checkout@", "actions/cache@")


# ---------------------------------------------------------------- what a step may write


@dataclass(frozen=True)
class Command:
    """A line of the log that the runner obeys."""

    name: str
    data: str
    properties: Mapping[str, str] = field(default_factory=dict)


def commands(log: str) -> list[Command]:
    """Return the commands in a log. A runner ends lines at LF, CR and CRLF."""
    lines = re.split(r"\r\n|\r|\n", log)
    return [command for line in lines if (command := _command(line) or _old_command(line))]


def _command(line: str) -> Command | None:
    line = line.lstrip()
    if not line.startswith("::"):
        return None
    info, separator, data = line[2:].partition("::")
    name, _, properties = info.partition(" ")
    if not separator or name not in _COMMANDS:
        return None
    pairs = _pairs(properties.strip(), ",", _PROPERTY)
    return Command(name, _unescape(data, _DATA), pairs)


def _old_command(line: str) -> Command | None:
    _, prefix, rest = line.partition("##[")
    info, bracket, data = rest.partition("]")
    name, _, properties = info.partition(" ")
    if not prefix or not bracket or name not in _COMMANDS:
        return None
    return Command(name, _unescape(data, _OLD_STYLE), _pairs(properties, ";", _OLD_STYLE))


def _pairs(text: str, separator: str, escapes: Sequence[tuple[str, str]]) -> dict[str, str]:
    pairs = (pair.split("=", 1) for pair in text.split(separator) if "=" in pair)
    return {name: _unescape(value, escapes) for name, value in pairs}


def _unescape(text: str, escapes: Sequence[tuple[str, str]]) -> str:
    for escaped, character in escapes:
        text = text.replace(escaped, character)
    return text


def file_values(text: str) -> dict[str, str]:
    """Return what a GITHUB_OUTPUT or GITHUB_ENV file sets.

    Raises:
        ValueError: the runner would fail the step.
    """
    values: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        equals, heredoc = line.find("="), line.find("<<")
        if not line:
            continue
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, values[name] = line.partition("=")
        elif heredoc > 0 and line[heredoc + 2 :]:
            values[line[:heredoc]] = "\n".join(_until(line[heredoc + 2 :], lines))
        else:
            raise ValueError(f"invalid format: {line!r}")
    return values


def _until(delimiter: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == delimiter:
            return
        yield line
    raise ValueError(f"matching delimiter not found: {delimiter!r}")


# ---------------------------------------------------------------- running steps


@dataclass
class Ran:
    """How the steps of a job or an action went."""

    exit_status: int = 0
    stdout: str = ""
    stderr: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """What the runner reads, one stream after the other."""
        return f"{self.stdout}\n{self.stderr}"

    def annotations(self, level: str = "error") -> list[Command]:
        """The annotations of one level."""
        return [command for command in commands(self.log) if command.name == level]


@dataclass
class Runner:
    """A machine that runs jobs, one after the other.

    Attributes:
        workspace: GITHUB_WORKSPACE, where the repository is checked out.
        temp: RUNNER_TEMP.
        environment: of every step.
        checkout: where deployctl's own action is checked out.
    """

    workspace: Path
    temp: Path
    environment: Mapping[str, str]
    checkout: Path = ROOT

    def job(
        self, file: Path, name: str, *, inputs: Mapping[str, str], secrets: Mapping[str, str]
    ) -> Ran:
        """Run a job of a workflow to its end."""
        job = yaml.safe_load(file.read_text("utf-8"))["jobs"][name]
        return _Steps(self, job["steps"], {"inputs": inputs, "secrets": secrets}).run()

    def action(self, **inputs: str) -> Ran:
        """Run deployctl's own action to its end, with these inputs (`ssh_key` is `ssh-key`)."""
        return _action(self, _named(inputs)).run()

    def install(self) -> Ran:
        """Run all steps of the action but the last."""
        return _action(self, {}).run(skip_last=True)

    def start_action(self, **inputs: str) -> Running:
        """Run the action up to its last step, and leave that one running."""
        steps = _action(self, _named(inputs))
        ran = steps.run(skip_last=True)
        assert ran.exit_status == 0, ran.log
        return steps.start(steps.steps[-1])


def _named(inputs: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in inputs.items()}


def _action(runner: Runner, given: Mapping[str, str]) -> _Steps:
    """The action's steps. A default is for an input that is not given, not for an empty one."""
    action = yaml.safe_load((runner.checkout / ACTION.name).read_text("utf-8"))
    defaults = {name: str(it.get("default", "")) for name, it in action["inputs"].items()}
    assert set(given) <= set(defaults), "no such input"
    told = {name: it["value"] for name, it in action["outputs"].items()}
    return _Steps(runner, action["runs"]["steps"], {"inputs": {**defaults, **given}}, told)


class _Steps:
    def __init__(
        self,
        runner: Runner,
        steps: Sequence[dict[str, Any]],
        contexts: Mapping[str, Mapping[str, Any]],
        outputs: Mapping[str, str] | None = None,
    ) -> None:
        self.steps = steps
        self.runner = runner
        self.ran = Ran()
        self._outputs = outputs or {}
        self._contexts = {"runner": {"temp": str(runner.temp)}, "steps": {}, **contexts}
        self._environment = dict(runner.environment)

    def run(self, *, skip_last: bool = False) -> Ran:
        for step in self.steps[:-1] if skip_last else self.steps:
            assert not {"if", "continue-on-error"} & set(step), "not known here"
            self._step(step)
            if self.ran.exit_status:
                break
        return self.ran

    def _step(self, step: dict[str, Any]) -> None:
        used = step.get("uses", "")
        if used.startswith("OWNER/deployctl@"):
            given = {name: self.render(str(value)) for name, value in step["with"].items()}
            ran = _action(self.runner, given).run()
            self._add(step, ran)
        elif not used.startswith(_DONE_ELSEWHERE):
            with self.start(step) as running:
                running.wait()

    def start(self, step: dict[str, Any]) -> Running:
        assert step.get("shell") == "bash"
        directory = Path(tempfile.mkdtemp(dir=self.runner.temp, prefix="step-"))
        script = directory / "script.sh"
        script.write_text(step["run"], "utf-8")
        files = {}
        for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
            files[name] = directory / name
            files[name].touch()
        own = {name: self.render(str(value)) for name, value in step.get("env", {}).items()}
        process = subprocess.Popen(
            [*BASH, str(script)],
            cwd=self.runner.workspace,
            env={
                **self._environment,
                **own,
                **{name: str(path) for name, path in files.items()},
                "RUNNER_TEMP": str(self.runner.temp),
                "GITHUB_ACTION_PATH": str(self.runner.checkout),
                "GITHUB_WORKSPACE": str(self.runner.workspace),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return Running(self, step, process, files)

    def end(self, step: dict[str, Any], ended: Ran, files: Mapping[str, Path]) -> None:
        """Process what a step left, however it ended: the runner does so, too."""
        ended.outputs = file_values(files["GITHUB_OUTPUT"].read_text("utf-8"))
        ended.summary = files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        assert len(ended.summary.encode()) <= SUMMARY_LIMIT
        self._environment |= file_values(files["GITHUB_ENV"].read_text("utf-8"))
        for line in files["GITHUB_PATH"].read_text("utf-8").splitlines():
            self._environment["PATH"] = f"{line}:{self._environment['PATH']}"
        self._add(step, ended)

    def _add(self, step: dict[str, Any], ended: Ran) -> None:
        if "id" in step:
            self._contexts["steps"] = {
                **self._contexts["steps"],
                step["id"]: {"outputs": ended.outputs},
            }
        self.ran.exit_status = ended.exit_status
        self.ran.stdout += ended.stdout
        self.ran.stderr += ended.stderr
        self.ran.summary += ended.summary
        self.ran.outputs = {name: self.render(told) for name, told in self._outputs.items()}

    def render(self, text: str) -> str:
        """Return a text with its expressions replaced; what does not exist is empty."""
        return _EXPRESSION.sub(lambda found: self._value(found[1]), text)

    def _value(self, path: str) -> str:
        value: Any = self._contexts
        for name in path.split("."):
            value = value.get(name, {}) if isinstance(value, Mapping) else {}
        return value if isinstance(value, str) else ""


class Running:
    """A step that was started and not waited for."""

    def __init__(
        self,
        steps: _Steps,
        step: dict[str, Any],
        process: subprocess.Popen[bytes],
        files: Mapping[str, Path],
    ) -> None:
        self.process = process
        self._steps = steps
        self._step = step
        self._files = files

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process as process:
            process.kill()

    def cancel(self) -> Ran:
        """Cancel the job as a runner does: signals to the one process that it started."""
        for number, patience in (
            (signal.SIGINT, INTERRUPTED_FOR),
            (signal.SIGTERM, TERMINATED_FOR),
            (signal.SIGKILL, 10.0),
        ):
            self.process.send_signal(number)
            try:
                return self.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError("nothing ends it")

    def wait(self, timeout: float = 120) -> Ran:
        """Wait for its end, and process what it wrote."""
        stdout, stderr = self.process.communicate(timeout=timeout)
        said = (stdout.decode(errors="replace"), stderr.decode(errors="replace"))
        self._steps.end(self._step, Ran(self.process.returncode, *said), self._files)
        return self._steps.ran

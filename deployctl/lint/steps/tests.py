"""Runs of tests."""

from __future__ import annotations

import re

from deployctl.lint.findings import Place
from deployctl.lint.shell.commands import ShellCommand
from deployctl.lint.steps.failures import failure_ignored
from deployctl.lint.steps.script import place_in, script_of
from deployctl.lint.workflow.values import Job, Step

_TEST_NAMES = frozenset(
    {"test", "tests", "testing", "unittest", "unittests", "spec", "specs", "e2e"}
)
_TEST_PROGRAMS = frozenset(
    {"pytest", "tox", "nox", "phpunit", "rspec", "ctest", "jest", "vitest", "mocha", "gotestsum"}
)
_TASK_RUNNERS = frozenset(
    {"make", "npm", "yarn", "pnpm", "bun", "go", "cargo", "mvn", "mvnw", "gradle", "gradlew"}
    | {"dotnet", "mix", "deno", "swift", "bazel", "just", "task", "rake", "composer", "sbt", "lein"}
    | {"python", "python3", "uv", "uvx", "poetry", "pdm", "hatch", "bundle", "npx", "nx", "turbo"}
    | {"pipx", "docker", "docker-compose", "earthly", "dagger", "ninja", "cmake", "meson", "rye"}
)
_TASKS = frozenset({"test", "tests", "check", "verify", "unittest", "nextest", "spec", "t"})


def is_test(job: Job) -> bool:
    """Whether a job runs tests: its name says so, or one of its commands does."""
    named = re.split(r"[^a-z0-9]+", f"{job.id} {job.name} {job.called_file}".lower())
    return bool(_TEST_NAMES & set(named)) or any(map(is_test_step, job.steps))


def is_test_step(step: Step) -> bool:
    """Whether one of a step's commands runs tests."""
    return any(map(_tests, script_of(step)))


def tests_ignored(step: Step) -> tuple[Place, str] | None:
    """Return where, and why, the failure of a step's tests has no effect; None: it has."""
    always = step.continue_on_error
    if always is not None and always.value.strip().lower() == "true":
        return always.place, "continue-on-error lets their failure pass"
    script = script_of(step)
    reasons = [
        (place_in(step, command), failure_ignored(command, script, step.shell))
        for command in script
        if _tests(command)
    ]
    return reasons[0] if reasons and all(reason for _, reason in reasons) else None


def _tests(command: ShellCommand) -> bool:
    if command.program in _TEST_PROGRAMS:
        return True
    if command.program not in _TASK_RUNNERS:
        return False
    words = list(command.words[1:])
    if not command.program.startswith("docker"):  # there, app:test and org/test are images
        words = [piece for word in words for piece in word.rpartition("/")[2].split(":")]
    return not (_TASKS | _TEST_PROGRAMS).isdisjoint(words)

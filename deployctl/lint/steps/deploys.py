"""Calls of deployctl: its action, or a command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deployctl.lint.shell.commands import ShellCommand
from deployctl.lint.steps.script import Written, place_in, script_of
from deployctl.lint.workflow.values import Step


@dataclass(frozen=True)
class Deploy:
    """One call of deployctl that changes a host.

    Attributes:
        tag: None: none is given.
        digest: None: none is given.
    """

    service: Written
    tag: Written | None
    digest: Written | None


_VALUE_OPTIONS = frozenset(
    {"--digest", "--expect-current", "--host", "--wait", "--inventory", "-i"}
)
_LAUNCHERS = frozenset({"python", "python3", "uv", "uvx", "pipx", "poetry", "pdm", "hatch", "rye"})


def is_deployctl_action(step: Step) -> bool:
    """Whether a step uses deployctl's action."""
    return step.action.rpartition("/")[2] == "deployctl"


def deploys(step: Step) -> Iterator[Deploy]:
    """Return what a step deploys with deployctl; a dry run deploys nothing."""
    if is_deployctl_action(step):
        command = step.inputs.get("command")
        if command is None or command.value.strip() in {"", "deploy"} or "${{" in command.value:
            yield _deploy_of_action(step)
    for command_ in script_of(step):
        arguments = _arguments(command_)
        if arguments[:1] == ["deploy"] and "--dry-run" not in arguments:
            yield _deploy_of_command(step, command_, arguments[1:])


def uses_deployctl(step: Step) -> bool:
    """Whether a step calls deployctl at all."""
    return is_deployctl_action(step) or any(_arguments(each) for each in script_of(step))


def _deploy_of_action(step: Step) -> Deploy:
    def given(name: str) -> Written | None:
        scalar = step.inputs.get(name)
        empty = scalar is None or scalar.is_null or not scalar.value.strip()
        return None if scalar is None or empty else Written(scalar.value.strip(), scalar.place)

    return Deploy(given("service") or Written("", step.place), given("tag"), given("digest"))


def _deploy_of_command(step: Step, command: ShellCommand, arguments: list[str]) -> Deploy:
    place = place_in(step, command)
    words, options = _sorted_out(arguments)
    texts = [Written(word, place, in_shell=True) for word in words]
    digest = options.get("--digest")
    return Deploy(
        service=texts[0] if texts else Written("", place),
        tag=texts[1] if len(texts) > 1 else None,
        digest=None if digest is None else Written(digest, place, in_shell=True),
    )


def _sorted_out(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words that stand for themselves, and the options that have a value."""
    words: list[str] = []
    options: dict[str, str] = {}
    waiting = iter(arguments)
    for word in waiting:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            words.append(word)
        elif name in _VALUE_OPTIONS:
            options[name] = value if equals else next(waiting, "")
    return words, options


def _arguments(command: ShellCommand) -> list[str]:
    """Return what deployctl is called with; none: another program is."""
    for index, word in enumerate(command.words):
        if word.rpartition("/")[2] == "deployctl":
            launched = index == 0 or command.program in _LAUNCHERS
            return list(command.words[index + 1 :]) if launched else []
    return []

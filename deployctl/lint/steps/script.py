"""The commands of a step, and the values that are written into it."""

from __future__ import annotations

from dataclasses import dataclass

from deployctl.lint.findings import Place
from deployctl.lint.shell.commands import ShellCommand, commands
from deployctl.lint.workflow.values import Step


@dataclass(frozen=True)
class Written:
    """A value as it is written into a workflow.

    Attributes:
        text: with `${{ }}`, and in a script with `$x`.
        in_shell: whether a shell replaces variables in it.
    """

    text: str
    place: Place
    in_shell: bool = False


def script_of(step: Step) -> tuple[ShellCommand, ...]:
    """Return the commands of a step; none: it uses an action."""
    return commands(step.run.value) if step.run else ()


def place_in(step: Step, command: ShellCommand) -> Place:
    """Return where a command of a step is written."""
    return step.run.place_of(command.offset) if step.run else step.place

"""A command line that was not understood → what is wrong with it, and how it should be."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

# Typer has Click inside and does not export this; the version is pinned (docs/decisions/0004).
from typer._click.exceptions import NoSuchOption
from typer.core import TyperGroup, TyperOption

from deployctl.errors import UsageError

if TYPE_CHECKING:
    from typer import TyperException
    from typer._click.core import Command, Context


def usage_error(
    error: TyperException, argv: Sequence[str], command: str, program: Command
) -> UsageError:
    """Return the error to show for one that Typer raised.

    Args:
        error: what Typer says.
        argv: the words behind the program's name.
        command: the one that they name; empty: none.
        program: all its commands.
    """
    context: Context | None = getattr(error, "ctx", None)
    if context and context.parent:
        return UsageError(
            "usage",
            error.format_message(),
            details=[_usage_line(context)],
            hint=f"{context.command_path} --help",
        )
    if isinstance(error, NoSuchOption) and isinstance(program, TyperGroup):
        misplaced = _misplaced(error.option_name, argv, program)
        if misplaced:
            return misplaced
    path = f"deployctl {command}" if command else "deployctl"
    return UsageError("usage", error.format_message(), hint=f"{path} --help")


def _usage_line(context: Context) -> str:
    pieces = context.command.collect_usage_pieces(context)
    return " ".join(["usage:", context.command_path, *pieces])


def _misplaced(option: str, argv: Sequence[str], program: TyperGroup) -> UsageError | None:
    """The error about a command's option that stands before the command."""
    options = {name: _options(command) for name, command in program.commands.items()}
    having_it = [name for name, known in options.items() if option in known]
    if not having_it:
        return None
    before = _leading_options(argv, {k: v for known in options.values() for k, v in known.items()})
    command = argv[before] if before < len(argv) else ""
    if command not in having_it:
        of = ", ".join(having_it)
        said = f"{option} belongs behind a command that has it: {of}"
        return UsageError("usage", said, hint="deployctl --help")
    better = ["deployctl", command, *argv[:before], *argv[before + 1 :]]
    return UsageError("usage", f"{option} belongs behind the command", hint=shlex.join(better))


def _options(command: Command) -> dict[str, bool]:
    """The options of a command, and whether each takes a value."""
    options = [p for p in command.params if isinstance(p, TyperOption)]
    return {name: not option.is_flag for option in options for name in option.opts}


def _leading_options(argv: Sequence[str], takes_value: dict[str, bool]) -> int:
    """How many words stand before the first that is neither an option nor its value."""
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        index += 2 if takes_value.get(argv[index]) else 1
    return index

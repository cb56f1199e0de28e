"""How --help reads: commands in groups, no description cut, examples to copy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click.core import Context
    from typer._click.formatting import HelpFormatter

CHANGE = "Change what runs"
LOOK = "Look at what runs"
PREPARE = "Prepare a deploy"


class Verb(TyperCommand):
    """A command whose usage is what one types: SERVICE, not {SERVICE}."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return the words behind the command in its usage line."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - nothing is cut
        """Return what the command does, whole, however little room there is."""
        return " ".join((self.help or "").split())


class Program(TyperGroup):
    """The program, which lists its commands in groups; Typer's own groups need Rich."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the commands, a section for each group."""
        width = max(map(len, self.commands))
        for group, commands in self._groups():
            with formatter.section(group):
                formatter.write_dl(
                    [(f"{c.name:<{width}}", c.get_short_help_str()) for c in commands]
                )
        formatter.write_paragraph()
        formatter.write_text(f"{ctx.command_path} COMMAND --help has the options and an example.")

    def _groups(self) -> Iterator[tuple[str, list[Verb]]]:
        listed = [c for c in self.commands.values() if isinstance(c, Verb)]
        for group, commands in groupby(listed, lambda command: command.rich_help_panel):
            yield group or "Commands", list(commands)


def examples(*lines: str) -> str:
    r"""Return an epilog with command lines, which \b keeps as they are."""
    return "\n".join(
        ["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {x}" for x in lines)]
    )

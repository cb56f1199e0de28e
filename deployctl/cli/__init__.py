"""The command line: options → one use case → render → exit status. A module for each family."""

from __future__ import annotations

from typing import Annotated

import typer

from deployctl import __version__
from deployctl.cli.changes import deploy, follow, rollback
from deployctl.cli.check import check
from deployctl.cli.holds import hold, unhold
from deployctl.cli.lint import lint
from deployctl.cli.questions import history, status

app = typer.Typer(
    name="deployctl",
    help="Deploy and roll back one Docker Compose service over SSH.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deployctl {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Deploy and roll back one Docker Compose service over SSH."""


for _command in (deploy, rollback, status, history, check, follow, hold, unhold, lint):
    app.command()(_command)

"""The command line: options → one use case → render → exit status. A file for each verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from deployctl import __version__
from deployctl.cli.abort import abort
from deployctl.cli.check import check
from deployctl.cli.deploy import deploy
from deployctl.cli.follow import follow
from deployctl.cli.help import CHANGE, LOOK, PREPARE, Program, Verb, examples
from deployctl.cli.history import history
from deployctl.cli.hold import hold, unhold
from deployctl.cli.lint import lint
from deployctl.cli.rollback import rollback
from deployctl.cli.status import status

app = typer.Typer(
    name="deployctl",
    cls=Program,
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


def _add(group: str, command: Callable[..., None], *lines: str) -> None:
    app.command(cls=Verb, rich_help_panel=group, epilog=examples(*lines))(command)


_add(
    CHANGE,
    deploy,
    "deployctl deploy web sha-1a2b3c4 --dry-run",
    "deployctl deploy web sha-1a2b3c4 --wait 10m",
)
_add(CHANGE, rollback, "deployctl rollback web", "deployctl rollback web sha-1a2b3c4")
_add(CHANGE, abort, "deployctl abort web")
_add(CHANGE, hold, 'deployctl hold web --reason "database upgrade"')
_add(CHANGE, unhold, "deployctl unhold web")
_add(LOOK, status, "deployctl status", "deployctl status web --check")
_add(LOOK, history, "deployctl history web --limit 5")
_add(LOOK, follow, "deployctl follow vps 20261124t120000z-1a2b3c4d")
_add(PREPARE, check, "deployctl check", "deployctl check web --host vps")
_add(PREPARE, lint, "deployctl lint", "deployctl lint ../backend --branch main")

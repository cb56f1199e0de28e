"""Arguments and options that several commands share, and how a shell completes them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from deployctl.cli.context import Call
from deployctl.errors import DeployctlError, UsageError
from deployctl.inventory import Inventory, load, parse_duration

_DEFAULT_INVENTORY = "inventory.toml"


def complete_services(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the inventory's services that begin so."""
    inventory = _inventory_for_completion(ctx)
    return [n for n in (inventory.services if inventory else ()) if n.startswith(incomplete)]


def complete_hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the inventory's hosts that begin so."""
    inventory = _inventory_for_completion(ctx)
    return [n for n in (inventory.host_names if inventory else ()) if n.startswith(incomplete)]


def _inventory_for_completion(ctx: typer.Context) -> Inventory | None:
    """Completion is silent: an inventory that cannot be read completes nothing."""
    try:
        return load(Path(ctx.params.get("inventory") or _default_inventory()), os.environ)
    except DeployctlError:
        return None


def _default_inventory() -> str:
    return os.environ.get("DEPLOYCTL_INVENTORY") or _DEFAULT_INVENTORY


ServiceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE",
        help="A service in the inventory.",
        autocompletion=complete_services,
    ),
]
OptionalService = Annotated[
    str | None,
    typer.Argument(
        metavar="SERVICE",
        help="A service in the inventory; all of them unless given.",
        autocompletion=complete_services,
    ),
]
HostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="HOST",
        help="Only this host of the service; may be repeated.",
        autocompletion=complete_hosts,
    ),
]
_InventoryOption = Annotated[
    str,
    typer.Option(
        "--inventory",
        "-i",
        metavar="FILE",
        envvar="DEPLOYCTL_INVENTORY",
        show_envvar=False,
        show_default=False,
        help="The inventory; unless given: DEPLOYCTL_INVENTORY, else inventory.toml.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, for failures too.")
]
_VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="Say more about what is done on the hosts.")
]
NoGithubOption = Annotated[
    bool,
    typer.Option("--no-github", help="In a GitHub workflow: no outputs, summary or annotations."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would run where, and change nothing.")
]
WaitOption = Annotated[
    str | None,
    typer.Option(
        "--wait",
        metavar="10m",
        help="Wait so long for another run to end, instead of exit status 5.",
    ),
]


def seconds_of(wait: str | None) -> float:
    """Return what --wait says, in seconds; None: it was not given."""
    if wait is None:
        return 0.0
    try:
        return parse_duration(wait)
    except ValueError as error:
        hint = "say how long to wait at most, like --wait 10m"
        raise UsageError("wait-invalid", f"--wait {wait!r}: {error}", hint=hint) from None


def takes_call(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that almost all have, behind its own; it gets them as a `Call`.

    Typer reads a command's options from its signature, so one is made for it.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @wraps(command)
    def called(*, inventory: str, json: bool, verbose: bool, no_github: bool, **own: Any) -> None:
        command(Call(inventory, json=json, verbose=verbose, github=not no_github), **own)

    called.__signature__ = inspect.Signature([*own, *_COMMON])  # type: ignore[attr-defined] # PEP 362
    return called


def _common(
    inventory: _InventoryOption = _DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: _VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Only the signature of it is used."""


_COMMON = inspect.signature(_common, eval_str=True).parameters.values()

"""The command line: options → one use case → render → exit status."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from deployctl import __version__, errors, gates, operations, rollout
from deployctl.errors import DeployctlError, UsageError
from deployctl.inventory import Host, Inventory, Service, load, parse_duration
from deployctl.model import (
    Action,
    Event,
    HistoryResult,
    Observer,
    Origin,
    RunResult,
    State,
    StatusResult,
)
from deployctl.operations import Request
from deployctl.render.output import Output
from deployctl.runner import Link

DEFAULT_INVENTORY = "inventory.toml"

app = typer.Typer(
    name="deployctl",
    help="Deploy and roll back one Docker Compose service over SSH.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# ---------------------------------------------------------------- completion


def _complete_services(ctx: typer.Context, incomplete: str) -> list[str]:
    inventory = _inventory_for_completion(ctx)
    return [n for n in (inventory.services if inventory else ()) if n.startswith(incomplete)]


def _complete_hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    inventory = _inventory_for_completion(ctx)
    return [n for n in (inventory.host_names if inventory else ()) if n.startswith(incomplete)]


def _inventory_for_completion(ctx: typer.Context) -> Inventory | None:
    """Completion is silent: an inventory that cannot be read completes nothing."""
    try:
        return load(Path(ctx.params.get("inventory") or _default_inventory()), os.environ)
    except DeployctlError:
        return None


def _default_inventory() -> str:
    return os.environ.get("DEPLOYCTL_INVENTORY") or DEFAULT_INVENTORY


# ---------------------------------------------------------------- options

ServiceArgument = Annotated[
    str, typer.Argument(help="Service in the inventory.", autocompletion=_complete_services)
]
OptionalService = Annotated[
    str | None, typer.Argument(help="Service in the inventory.", autocompletion=_complete_services)
]
HostOption = Annotated[
    list[str] | None,
    typer.Option("--host", help="Only this host; may be repeated.", autocompletion=_complete_hosts),
]
InventoryOption = Annotated[
    str,
    typer.Option("--inventory", "-i", envvar="DEPLOYCTL_INVENTORY", help="Inventory file (TOML)."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output.")
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="Say more about what is done on the hosts.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would run where, and change nothing.")
]
WaitOption = Annotated[
    str | None,
    typer.Option("--wait", metavar="10m", help="Wait this long for another run to end."),
]


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


# ---------------------------------------------------------------- commands


@app.command()
def deploy(
    service: ServiceArgument,
    tag: Annotated[str, typer.Argument(help="Tag that CI computed: sha- and 7 hex digits.")],
    digest: Annotated[str | None, typer.Option(help="Digest that was scanned: sha256:…")] = None,
    expect_current: Annotated[
        str | None, typer.Option(metavar="TAG", help="Refuse unless this tag runs.")
    ] = None,
    host: HostOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = None,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make the service run a tag that was built, scanned and pushed."""
    read = _load(inventory)
    wanted = read.service(service)
    _check_tag_first(read, wanted, tag)
    patience = _seconds(wait)

    def run_on(link: Link, observer: Observer) -> RunResult:
        request = Request(
            service=wanted,
            gates=read.gates,
            origin=_origin(os.environ),
            environment=os.environ,
            observer=observer,
            tag=tag,
            digest=digest,
            expect_current=expect_current,
            wait=patience,
            dry_run=dry_run,
        )
        return operations.deploy(link, request, tag)

    _roll_out(read, wanted, host, run_on, Action.DEPLOY, tag, json=json, verbose=verbose)


@app.command()
def rollback(
    service: ServiceArgument,
    tag: Annotated[
        str | None, typer.Argument(help="Tag that succeeded before; default: the one before.")
    ] = None,
    host: HostOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = None,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take the service back to the release before, or to a named one."""
    read = _load(inventory)
    wanted = read.service(service)
    if tag is not None:
        _check_tag_first(read, wanted, tag)
    patience = _seconds(wait)

    def run_on(link: Link, observer: Observer) -> RunResult:
        request = Request(
            service=wanted,
            gates=read.gates,
            origin=_origin(os.environ),
            environment=os.environ,
            observer=observer,
            tag=tag,
            wait=patience,
            dry_run=dry_run,
        )
        return operations.rollback(link, request)

    _roll_out(read, wanted, host, run_on, Action.ROLLBACK, tag or "", json=json, verbose=verbose)


@app.command()
def status(
    service: OptionalService = None,
    host: HostOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 9 unless all is in sync and healthy.")
    ] = False,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Say what runs, what is recorded, and whether the two agree."""
    read = _load(inventory)
    by_host = _services_by_host(read, service, host)

    observer = _observer(verbose=verbose)

    def ask(name: str) -> list[StatusResult]:
        return _status_of_host(read.host(name), by_host[name], observer)

    read.resolve_hosts(by_host)
    rows = [row for answer in rollout.in_parallel(list(by_host), ask) for row in answer]
    statuses = [row.error.exit_status for row in rows if row.error]
    if check and any(row.state is not State.IN_SYNC for row in rows if not row.error):
        statuses.append(errors.EXIT_DRIFT)
    worst = rollout.worst(statuses)
    Output(os.environ, json=json).status(rows, worst)
    _end_with(worst)


@app.command()
def history(
    service: OptionalService = None,
    host: HostOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Newest lines per host.")] = 20,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show what was deployed, by whom, and how it ended."""
    read = _load(inventory)
    by_host = _services_by_host(read, service, host)

    observer = _observer(verbose=verbose)

    def ask(name: str) -> HistoryResult:
        try:
            with _link(read.host(name)) as link:
                return operations.recorded_history(link, by_host[name], observer, limit)
        except DeployctlError as error:
            return HistoryResult(name, error=error)

    read.resolve_hosts(by_host)
    results = rollout.in_parallel(list(by_host), ask)
    worst = rollout.worst([r.error.exit_status for r in results if r.error])
    Output(os.environ, json=json).history(results, worst)
    _end_with(worst)


@app.command()
def follow(
    host: Annotated[str, typer.Argument(autocompletion=_complete_hosts, help="Host.")],
    run: Annotated[str, typer.Argument(help="Run id, as the lost command printed it.")],
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Watch a run again after the connection was lost, and learn its outcome."""
    read = _load(inventory)
    services = [s for s in read.services.values() if host in s.hosts and s.model == "compose"]
    target = read.host(host)

    def run_on(link: Link, observer: Observer) -> RunResult:
        return operations.follow(link, services, run, observer)

    _roll_out_on([target], run_on, Action.DEPLOY, "", "", json=json, verbose=verbose)


# ---------------------------------------------------------------- use cases


def _roll_out(
    inventory: Inventory,
    service: Service,
    only: Sequence[str] | None,
    run_on: Callable[[Link, Observer], RunResult],
    action: Action,
    tag: str,
    *,
    json: bool,
    verbose: bool,
) -> None:
    names = _chosen(service.hosts, only, f"service {service.name}")
    hosts = inventory.resolve_hosts(names)
    _roll_out_on(hosts, run_on, action, service.name, tag, json=json, verbose=verbose)


def _roll_out_on(
    hosts: Sequence[Host],
    run_on: Callable[[Link, Observer], RunResult],
    action: Action,
    service: str,
    tag: str,
    *,
    json: bool,
    verbose: bool,
) -> None:
    from deployctl.render.progress import Progress

    by_name = {host.name: host for host in hosts}
    with Progress(sys.stderr, os.environ, verbose=verbose) as progress:

        def on_host(name: str) -> RunResult:
            with _link(by_name[name]) as link:
                return run_on(link, progress)

        result = rollout.in_order(
            list(by_name), on_host, progress, action=action, service=service, tag=tag
        )
    status_ = rollout.exit_status(result)
    Output(os.environ, json=json).rollout(result, status_)
    _end_with(status_)


def _status_of_host(
    host: Host, services: Sequence[Service], observer: Observer
) -> list[StatusResult]:
    try:
        with _link(host) as link:
            return [operations.status(link, service, observer) for service in services]
    except DeployctlError as error:
        return [
            StatusResult(host.name, service.name, State.UNREACHABLE, error=error)
            for service in services
        ]


def _services_by_host(
    inventory: Inventory, service: str | None, only: Sequence[str] | None
) -> dict[str, list[Service]]:
    """Which services to ask for, by host, in the inventory's order."""
    wanted = [inventory.service(service)] if service else list(inventory.services.values())
    compose = [s for s in wanted if s.model == "compose"]
    by_host: dict[str, list[Service]] = {}
    for each in compose:
        for name in each.hosts:
            by_host.setdefault(name, []).append(each)
    names = _chosen(tuple(by_host), only, f"service {service}" if service else "the inventory")
    return {name: by_host[name] for name in names}


def _chosen(hosts: Sequence[str], only: Sequence[str] | None, whose: str) -> tuple[str, ...]:
    """The hosts that --host leaves, in the inventory's order."""
    unknown = [name for name in only or () if name not in hosts]
    if unknown:
        raise UsageError(
            "unknown-host",
            f"--host {unknown[0]!r}: no such host of {whose} (it has: {', '.join(hosts)})",
        )
    if not hosts:
        raise UsageError("no-hosts", f"{whose} has no host that is reached over SSH")
    return tuple(name for name in hosts if not only or name in only)


def _check_tag_first(inventory: Inventory, service: Service, tag: str) -> None:
    """A tag that is refused anyway is refused before any secret or host is needed."""
    gates.model_is_compose(service)
    gates.tag_is_immutable(tag, inventory.gates)


# ---------------------------------------------------------------- the edges


def _load(path: str) -> Inventory:
    return load(Path(path), os.environ)


def _link(host: Host) -> Link:
    from deployctl.ssh import connect

    return Link(host, connect)


def _origin(environment: Mapping[str, str]) -> Origin:
    """Who asks: a workflow's actor and run, or the user of this machine."""
    if environment.get("GITHUB_ACTIONS") == "true":
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        repository, run = environment.get("GITHUB_REPOSITORY"), environment.get("GITHUB_RUN_ID")
        return Origin(
            by=environment.get("GITHUB_ACTOR", "unknown"),
            source="github-actions",
            run_url=f"{server}/{repository}/actions/runs/{run}" if repository and run else "",
        )
    return Origin(by=f"{_user()}@{socket.gethostname()}", source="terminal")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user without a name


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError("wait-invalid", f"--wait {text!r}: {error}", hint="like 10m") from None


def _observer(*, verbose: bool) -> Observer:
    """A question shows its steps only to whoever wants to see them."""
    if not verbose:
        return _ignore
    from deployctl.render.progress import Progress

    return Progress(sys.stderr, os.environ, verbose=True)


def _ignore(_: Event) -> None:
    pass


def _end_with(status_: int) -> None:
    """Typer takes a command's return value for success: the status must be raised."""
    if status_ != errors.EXIT_OK:
        raise typer.Exit(status_)

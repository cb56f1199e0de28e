"""The command that asks whether hosts could take a deploy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployctl import errors
from deployctl.cli.context import end_with, link_to, observer, read_inventory, services_by_host
from deployctl.cli.options import (
    DEFAULT_INVENTORY,
    HostOption,
    InventoryOption,
    JsonOption,
    NoGithubOption,
    OptionalService,
    VerboseOption,
)
from deployctl.errors import DeployctlError
from deployctl.parallel import in_parallel
from deployctl.render.output import Output

if TYPE_CHECKING:
    from deployctl.checkup import CheckResult
    from deployctl.events import Observer
    from deployctl.inventory import ComposeService, Host
    from deployctl.link import Link


def check(
    service: OptionalService = None,
    host: HostOption = None,
    inventory: InventoryOption = DEFAULT_INVENTORY,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    no_github: NoGithubOption = False,
) -> None:
    """Say whether each host could take a deploy, and what to fix; changes nothing."""
    read = read_inventory(inventory)
    by_host = services_by_host(read, service, host)
    output = Output(os.environ, json=json, github=not no_github, inventory=read)
    watching = output.observer(observer(verbose=verbose))

    def ask(name: str) -> list[CheckResult]:
        return _check_host(read.host(name), by_host[name], watching)

    read.resolve_hosts(by_host)
    results = [result for answer in in_parallel(list(by_host), ask) for result in answer]
    exit_status = errors.worst([f.exit_status for result in results for f in result.findings])
    end_with(output.check(results, exit_status))


def _check_host(
    host: Host, services: Sequence[ComposeService], observer: Observer
) -> list[CheckResult]:
    with link_to(host) as link:
        return [_check_service(link, service, observer) for service in services]


def _check_service(link: Link, service: ComposeService, observer: Observer) -> CheckResult:
    from deployctl import checkup
    from deployctl.operations.checkup import check

    try:
        return check(link, service, observer)
    except DeployctlError as error:
        link.drop()
        return checkup.CheckResult(link.host.name, service.name, checkup.unreachable(error))

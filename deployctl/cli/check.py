"""The command that asks whether hosts could take a deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl import errors, fleet
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import HostOption, OptionalService, takes_call

if TYPE_CHECKING:
    from deployctl.inventory import ComposeService, Host
    from deployctl.release.check import CheckResult


@takes_call
def check(call: Call, service: OptionalService = None, host: HostOption = None) -> None:
    """Say whether each host could take a deploy, and what to fix; changes nothing."""

    def ask(asked: tuple[Host, list[ComposeService]]) -> list[CheckResult]:
        from deployctl.compose.check import check_host

        return check_host(*asked, call.observer)

    answers = fleet.in_parallel(call.services_by_host(service, host), ask)
    results = [result for answer in answers for result in answer]
    exit_status = errors.worst([f.exit_status for result in results for f in result.findings])
    end_with(call.output.check(results, exit_status))

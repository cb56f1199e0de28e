"""The command that asks whether hosts could take a deploy."""

from __future__ import annotations

from deployctl import errors
from deployctl.cli.context import Call, end_with
from deployctl.cli.options import HostOption, OptionalService, takes_call


@takes_call
def check(call: Call, service: OptionalService = None, host: HostOption = None) -> None:
    """Say whether each host could take a deploy, and what to fix; changes nothing."""
    from deployctl.compose.check import check_host

    answers = call.ask_hosts(service, host, check_host)
    results = [result for answer in answers for result in answer]
    exit_status = errors.worst([f.exit_status for result in results for f in result.findings])
    end_with(call.output.check(results, exit_status))

"""Whether what asks may change a service at all, for the commands that deploy nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deployctl import gitops
from deployctl.cli.requester import workflow_event
from deployctl.inventory import ComposeService, GitopsService

if TYPE_CHECKING:
    from deployctl.cli.context import Call


def service_to_change(call: Call, service: str) -> ComposeService:
    """Return the service of that name, for a hold, or to abort its run.

    Raises:
        UsageError: there is none.
        RefusedError: a workflow for this event may not, or it is deployed through Git.
    """
    from deployctl.release import gates
    from deployctl.release.checklist import HOLD, MODEL_IS_COMPOSE, Checklist

    wanted, rules = call.inventory.service(service), call.inventory.gates
    checklist = Checklist(HOLD)
    with checklist.attached_to_errors():
        checklist.ask([gates.source_may_change(workflow_event(os.environ), rules)])
        match wanted:
            case ComposeService():
                checklist.ask([MODEL_IS_COMPOSE])
                return wanted
            case GitopsService():
                raise gitops.refusal(wanted)

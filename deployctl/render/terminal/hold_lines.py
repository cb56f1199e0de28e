"""What became of a hold, as text for people: a line for each host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.release.hold import HoldOutcome
from deployctl.render.harmless import LONGEST_NAME
from deployctl.render.terminal.page import BOLD, RED, YELLOW, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployctl.release.hold import HoldResult


def holds(page: Page, results: Sequence[HoldResult]) -> None:
    """Write how setting or lifting a hold went.

    The text of a host's error is not part of it; a single host that failed writes nothing.

    Args:
        page: where to.
        results: of the hosts, in their order.
    """
    for result in results:
        host = (f"{page.show(result.host)}: ", BOLD)
        if result.error is None:
            page.text(host, _done(page, result), indent=2)
        elif len(results) > 1:
            page.text(host, ("failed", RED), f": {page.show(result.error.state)}", indent=2)
        if result.busy:
            under_way = f"what is under way was not stopped: {page.show(result.busy)}"
            page.text(("  note: ", YELLOW), under_way, indent=len("  note: "))


def _done(page: Page, result: HoldResult) -> str:
    service = page.show(result.service, limit=LONGEST_NAME)
    now = page.show(result.hold.text) if result.hold else "held"
    before = page.show(result.before.text) if result.before else "held"
    match result.outcome:
        case HoldOutcome.SET:
            return f"deploys of {service}, but not rollbacks, are {now}"
        case HoldOutcome.REPLACED:
            return f"deploys of {service} are {now} (was {before})"
        case HoldOutcome.UNCHANGED:
            return f"nothing to do: deploys of {service} are already {now}"
        case HoldOutcome.LIFTED:
            return f"deploys of {service} go on (they were {before})"
        case _:
            return f"deploys of {service} were not held: nothing to do"

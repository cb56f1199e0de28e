"""What became of a run that was to be aborted, as text for people: a line for each host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.release.abort import AbortOutcome
from deployctl.render.harmless import LONGEST_NAME
from deployctl.render.terminal.page import BOLD, GREEN, RED, YELLOW, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployctl.release.abort import AbortResult
    from deployctl.render.terminal.wrapping import Piece

_RUNGS = {
    "untouched": "was left alone",
    "started": "its containers were started again",
    "made": "its containers were made again",
    "forced": "made again from today's compose files",
}


def aborts(page: Page, results: Sequence[AbortResult]) -> None:
    """Write how aborting a run went.

    The text of a host's error is not part of it; a single host that failed writes nothing.

    Args:
        page: where to.
        results: of the hosts, in their order.
    """
    for result in results:
        host = (f"{page.show(result.host)}: ", BOLD)
        if result.error is None:
            page.text(host, *_done(page, result), indent=2)
        elif result.outcome is AbortOutcome.NONE and len(results) > 1:
            page.text(host, ("nothing to abort", YELLOW), indent=2)
        elif len(results) > 1:
            page.text(host, ("failed", RED), f": {page.show(result.error.state)}", indent=2)


def _done(page: Page, result: AbortResult) -> list[Piece]:
    run = page.show(result.run.text) if result.run else "the run"
    how = "aborted" if result.outcome is AbortOutcome.ABORTED else "had failed by itself"
    if not result.rung:
        return [f"{how} before it changed anything: {run}"]
    what = page.show(result.serves, limit=LONGEST_NAME) if result.serves else "as before"
    again = f" ({_RUNGS[result.rung]})" if result.rung in _RUNGS else ""
    service = page.show(result.service, limit=LONGEST_NAME)
    return [f"{service} runs ", (what, BOLD), ", ", ("healthy", GREEN), f"{again}; {how}: {run}"]

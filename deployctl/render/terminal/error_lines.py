"""An error, as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.render.harmless import last_lines, safe_lines
from deployctl.render.terminal.hint_lines import write_hint
from deployctl.render.terminal.page import BOLD, DIM, RED

if TYPE_CHECKING:
    from deployctl.errors import DeployctlError
    from deployctl.render.terminal.page import Page

_LONGEST_MESSAGE = 20_000


def error(page: Page, err: DeployctlError, *, evidence: bool = True) -> None:
    """Write what happened, in which state the host is and what to type next.

    Args:
        page: where to.
        err: what to tell.
        evidence: whether to write the details, too.
    """
    first, *more = [
        page.encodable(line) for line in safe_lines(err.message, limit=_LONGEST_MESSAGE)
    ]
    page.text(("error: ", RED), first, indent=len("error: "))
    for line in more:
        page.text(f"  {line}", indent=4)
    for line in last_lines(err.details) if evidence else ():
        page.text(("  | ", DIM), page.encodable(line), indent=len("  | "))
    if err.state:
        page.text(("state: ", BOLD), page.show(err.state), indent=len("state: "))
    write_hint(page, ("next: ", BOLD), err.hint, indent=len("next: "))

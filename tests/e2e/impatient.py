"""A client that does not wait as long as it has to on a real network, or for a real docker."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.e2e.client import Client

# As patient as users need it, a client takes minutes to give up.
_IMPATIENT = """\
from deployctl.compose import plan, run
from deployctl.__main__ import main
from deployctl.ssh import execution

plan._UP_LIMIT = 10.0
run.RECONNECT_LIMIT = 3.0
execution.QUIET = 1.0
execution.NO_ANSWER = 2.0
main()
"""


class ImpatientClient(Client):
    """Sooner takes a silent connection for dead, and sooner gives up; its runs, too."""

    def _argv(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-c", _IMPATIENT, *arguments]

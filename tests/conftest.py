"""What all tests share: the VPS fixtures, and how Hypothesis works."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from hypothesis import settings

from tests.vps.fixtures import second_vps, used_vps, vps, world

if TYPE_CHECKING:
    import pytest

__all__ = ["second_vps", "used_vps", "vps", "world"]

# A shell starts what it runs in the background with Ctrl-C ignored, and so would the programs be
# that the tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no failure: how fast something is, the benchmark says.
settings.register_profile("deployctl", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=5)
settings.load_profile("deployctl")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make test-faults` and `make test-faults-all` ask for."""
    parser.addoption(
        "--faults",
        choices=("each-fault", "each-step", "all"),
        default="each-fault",
        help="each fault at some step; also each step with some fault; every fault at every step",
    )

"""What all tests share: the VPS fixtures, and how Hypothesis works."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings

from tests.vps.fixtures import second_vps, used_vps, vps, world
from tests.vps.systems import SYSTEMS, TRIXIE

if TYPE_CHECKING:
    import pytest

__all__ = ["second_vps", "used_vps", "vps", "world"]

# A shell starts what it runs in the background with Ctrl-C ignored, and so would the programs be
# that the tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no failure: how fast something is, the benchmark says.
settings.register_profile("quick", deadline=None, max_examples=5)
settings.register_profile("usual", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("usual")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make test-hosts`, `make test-faults` and `make test-faults-all` ask for."""
    parser.addoption(
        "--system", choices=list(SYSTEMS), default=TRIXIE.name, help="what the VPSs run"
    )
    parser.addoption(
        "--faults",
        choices=("each-fault", "each-step", "all"),
        default="each-fault",
        help="each fault at some step; also each step with some fault; every fault at every step",
    )
    parser.addoption(
        "--part", default="1/1", help="one part of the faults' cases only: 2/8, the second of eight"
    )
    parser.addoption("--results", type=Path, help="a file for a line about each case of the faults")


def pytest_configure(config: pytest.Config) -> None:
    """Write down what the faults came to, in the process that hears of all of them."""
    file = config.getoption("--results")
    if file is not None and not hasattr(config, "workerinput"):
        from tests.faults.results import Recorder

        config.pluginmanager.register(Recorder(file))

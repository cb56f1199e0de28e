"""What the tests of faults share."""

from __future__ import annotations

import pytest

from tests.vps.world import Vps, World


@pytest.fixture
def vps(world: World) -> Vps:
    """A VPS as the last case left it: the next one's `staged` puts it in order."""
    return world.vps()

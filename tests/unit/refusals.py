"""What a gate raises when it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deployctl.errors import EXIT_REFUSED, UNTOUCHED, DeployctlError


def refusal(gate: Callable[[], object], exit_status: int = EXIT_REFUSED) -> DeployctlError:
    """Return what the gate raises; it always says what to do instead."""
    with pytest.raises(DeployctlError) as caught:
        gate()
    assert caught.value.exit_status == exit_status
    assert caught.value.hint
    assert caught.value.state == UNTOUCHED
    return caught.value

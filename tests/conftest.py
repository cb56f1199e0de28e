"""What all tests share: the VPS fixtures, and how Hypothesis works."""

from __future__ import annotations

from hypothesis import settings

from tests.vps.fixtures import second_vps, vps, world

__all__ = ["second_vps", "vps", "world"]

# A slow machine is no failure: how fast something is, the benchmark says.
settings.register_profile("deployctl", deadline=None)
settings.load_profile("deployctl")

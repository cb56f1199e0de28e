"""pytest fixtures: VPSs that live as long as the session, and are pristine for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.vps.systems import SYSTEMS
from tests.vps.world import Vps, World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The world of this session; its VPSs start when a test first asks for them."""
    system = SYSTEMS[request.config.getoption("--system")]
    with World(system=system) as made:
        yield made


@pytest.fixture
def vps(world: World) -> Vps:
    """A pristine VPS."""
    return _pristine(world, 0)


@pytest.fixture
def used_vps(world: World) -> Vps:
    """A VPS in order, for tests that connect to it and leave it as it is."""
    machine = world.vps()
    if not machine.left_alone:
        machine.reset()
        machine.left_alone = True
    return machine


@pytest.fixture
def second_vps(world: World) -> Vps:
    """Another pristine VPS, with host keys, an engine and a registry of its own."""
    return _pristine(world, 1)


def _pristine(world: World, number: int) -> Vps:
    machine = world.vps(number)
    machine.reset()
    return machine

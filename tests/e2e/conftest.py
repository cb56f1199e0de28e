"""Fixtures of the tests that run deployctl against a real VPS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.client import Client
from tests.e2e.invariants import settle
from tests.e2e.steps import Standing, deploy
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps, World

PASTS: Final = {"deployed": GOOD[:1], "standing": GOOD[:3]}
"""What was deployed on `vps`, oldest first, for the tests that ask for a fixture of this name."""


@pytest.fixture
def vps(world: World, request: pytest.FixtureRequest) -> Vps:
    """A VPS: pristine, or with a past.

    A past is deployed once on a machine and remembered: most tests begin with a release that
    runs, and making that anew each time took longer than what they test.
    """
    machine = world.vps()
    asked = PASTS.keys() & set(request.fixturenames)
    machine.reset("".join(asked & machine.memories))
    return machine


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """A client's machine with nothing on it yet."""
    return Client(tmp_path)


@pytest.fixture
def ready(client: Client, vps: Vps) -> Client:
    """A client whose inventory names the pristine `vps`."""
    client.write_inventory({"vps": vps})
    return client


@pytest.fixture
def deployed(ready: Client, vps: Vps) -> Client:
    """A client of a VPS on which the first release was deployed."""
    _give_past(vps, ready, "deployed")
    return ready


@pytest.fixture
def standing(ready: Client, vps: Vps) -> Iterator[Standing]:
    """A VPS on which three releases were deployed, for tests that change nothing of what runs."""
    _give_past(vps, ready, "standing")
    yield Standing(ready, vps)
    assert vps.served() == GOOD[2].tag
    assert vps.db_counter() == 1


def _give_past(vps: Vps, client: Client, name: str) -> None:
    if name not in vps.memories:
        for release in PASTS[name]:
            deploy(client, vps, release)
        settle(vps)
        vps.remember(name)

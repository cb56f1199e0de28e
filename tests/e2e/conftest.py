"""Fixtures of the tests that run deployctl against a real VPS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.invariants import settle
from tests.e2e.steps import Standing, deploy
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps, World


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """A client's machine with nothing on it yet."""
    return Client(tmp_path)


@pytest.fixture
def ready(client: Client, vps: Vps) -> Client:
    """A client whose inventory names the pristine `vps`."""
    client.write_inventory({"vps": vps})
    return client


@pytest.fixture(scope="module")
def standing(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A host on which three releases were deployed, for the tests that change nothing.

    It is not `vps`, so that a module can have tests of both kinds.
    """
    vps = world.vps(1)
    vps.reset()
    client = Client(tmp_path_factory.mktemp("client"))
    client.write_inventory({"vps": vps})
    for release in GOOD[:3]:
        deploy(client, vps, release)
    settle(vps)
    yield Standing(client, vps)
    assert vps.served() == GOOD[2].tag
    assert vps.db_counter() == 1

"""Hosts for the scripts to run on: under dash, BusyBox's shell, and BusyBox altogether."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.host.fake_host import FakeHost, Flavour, wait_until_tidy

MEMORY = Path("/dev/shm")
ENOUGH = 32 << 20  # bytes
_MAKERS = {"dash": Flavour.dash, "ash": Flavour.ash, "busybox": Flavour.busybox}


@pytest.fixture(scope="session")
def flavours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Flavour]:
    """The shells, by name."""
    directory = tmp_path_factory.mktemp("tools")
    return {name: make(directory / name) for name, make in _MAKERS.items()}


@pytest.fixture(scope="session")
def running_host(
    flavours: dict[str, Flavour], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], FakeHost]:
    """Hosts on which release 1 was deployed, then 2, by shell. They are copied, never used."""
    directory = tmp_path_factory.mktemp("hosts")

    @functools.cache
    def make(name: str) -> FakeHost:
        host = FakeHost.make(directory / name, flavours[name])
        host.deploy(1)
        host.deploy(2)
        wait_until_tidy(host)
        host.forget_calls()
        return host

    return make


@pytest.fixture(params=["dash", pytest.param("ash", marks=pytest.mark.slow)])
def flavour(request: pytest.FixtureRequest, flavours: dict[str, Flavour]) -> Flavour:
    """One shell after the other."""
    return flavours[request.param]


@pytest.fixture
def for_hosts(tmp_path: Path) -> Iterator[Path]:
    """A directory for fake hosts, in memory if it can be: they are many small files, and synced."""
    if not _has_room(MEMORY):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(
        dir=MEMORY, prefix="deployctl-host-", ignore_cleanup_errors=True
    ) as directory:
        yield Path(directory)


def _has_room(directory: Path) -> bool:
    if not os.access(directory, os.W_OK):
        return False
    there = os.statvfs(directory)
    return there.f_bavail * there.f_frsize > ENOUGH


@pytest.fixture
def empty(flavour: Flavour, for_hosts: Path) -> FakeHost:
    """A host on which nothing was deployed yet."""
    return FakeHost.make(for_hosts / "empty", flavour)


@pytest.fixture
def host(flavour: Flavour, running_host: Callable[[str], FakeHost], for_hosts: Path) -> FakeHost:
    """A host that runs release 2; release 1 was there before."""
    return running_host(flavour.name).copy(for_hosts / "host")


@pytest.fixture
def ready(host: FakeHost) -> FakeHost:
    """The image of release 3 is there."""
    host.fetch(3)
    return host

"""What a VPS can run: a suite of Debian, and an image store of Docker's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class System:
    """What a VPS runs."""

    name: str
    suite: str
    """Of Debian: it has Docker, Compose, cosign and OpenSSH in the versions that belong to it."""
    image_store: str
    """Where dockerd keeps images: `docker`, its own store, or `containerd`."""
    scenarios: str
    """Which tests run on it, in the words of the docs."""

    @property
    def dockerd_options(self) -> str:
        """What dockerd is started with, as words for a shell."""
        return "--feature containerd-snapshotter=true" if self.image_store == "containerd" else ""


_MAIN = "the main scenarios (`make test-hosts`)"
TRIXIE: Final = System("trixie", "trixie", "docker", "all tests")
SYSTEMS: Final = {
    system.name: system
    for system in (
        TRIXIE,
        System("forky", "forky", "docker", _MAIN),
        System("forky-containerd", "forky", "containerd", _MAIN),
    )
}

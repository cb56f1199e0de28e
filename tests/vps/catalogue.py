"""The releases that the registry of every test VPS holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKEND: Final = "enforcer-backend"
WORKER: Final = "enforcer-worker"
DB_IMAGE: Final = "localhost:5000/db:1"


class Kind(StrEnum):
    """How an image behaves; see ``rootfs/usr/lib/vps/push-image`` and ``images/`` beside it."""

    HEALTHY = "healthy"
    ATTESTED = "attested"
    NEVER_HEALTHY = "never-healthy"
    EXITS_AT_ONCE = "exits-at-once"
    CRASH_LOOPS = "crash-loops"
    IGNORES_SIGTERM = "ignores-sigterm"
    HOSTILE_LOGS = "hostile-logs"


@dataclass(frozen=True)
class Release:
    """One tag of ``enforcer-backend``; ``enforcer-worker`` has the same tags, all healthy."""

    tag: str
    """``sha-`` and 7 hex digits; also what the release serves at ``/``."""
    commit: str
    """The 40 hex digits that the tag is short for."""
    kind: Kind = Kind.HEALTHY
    revision: str | None = None
    """The label ``org.opencontainers.image.revision``."""

    @property
    def image(self) -> str:
        """The reference that the Compose files use."""
        return f"localhost:5000/{BACKEND}:{self.tag}"


def full_commit(short: str) -> str:
    """Return a commit id of 40 hex digits that starts with the given ones."""
    return short + hashlib.sha256(short.encode()).hexdigest()[: 40 - len(short)]


def _release(short: str, kind: Kind = Kind.HEALTHY) -> Release:
    commit = full_commit(short)
    return Release(f"sha-{short}", commit, kind, commit)


GOOD: Final = tuple(
    _release(short)
    for short in (
        "1a2b3c4",
        "2b3c4d5",
        "3c4d5e6",
        "4d5e6f7",
        "5e6f708",
        "6f70819",
        "708192a",
        "8192a3b",
    )
)
"""Healthy releases, oldest first."""

ATTESTED: Final = _release("0a77e57", Kind.ATTESTED)
"""Healthy; the tag names an index with a provenance attestation, as BuildKit pushes it."""
EXITS_AT_ONCE: Final = _release("0dead01", Kind.EXITS_AT_ONCE)
"""Prints three log lines and exits 1."""
NEVER_HEALTHY: Final = _release("0bad0ea", Kind.NEVER_HEALTHY)
"""Serves ``/``, but answers ``/health`` with 404."""
CRASH_LOOPS: Final = _release("0c4a54e", Kind.CRASH_LOOPS)
"""Runs for two seconds without listening, then exits 1."""
IGNORES_SIGTERM: Final = _release("0ddba11", Kind.IGNORES_SIGTERM)
"""Healthy, but has to be killed."""
HOSTILE_LOGS: Final = _release("0e5ca9e", Kind.HOSTILE_LOGS)
"""Never healthy; prints escapes, workflow commands, markup and invalid UTF-8."""
WRONG_LABEL: Final = Release("sha-0facade", full_commit("0facade"), revision=full_commit("5e1f1e5"))
"""Healthy; its revision label names another commit."""
NO_LABEL: Final = Release("sha-0b1a2c0", full_commit("0b1a2c0"))
"""Healthy; without a revision label."""

RELEASES: Final = (
    *GOOD,
    ATTESTED,
    EXITS_AT_ONCE,
    NEVER_HEALTHY,
    CRASH_LOOPS,
    IGNORES_SIGTERM,
    HOSTILE_LOGS,
    WRONG_LABEL,
    NO_LABEL,
)

NO_SUCH_TAG: Final = "sha-0ff0ff0"
"""A well-formed tag that the registry does not have."""


def listing() -> str:
    """Return the catalogue as the image build reads it: REPOSITORY TAG KIND TEXT REVISION."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield "db 1 db db"
    for release in RELEASES:
        yield f"{BACKEND} {release.tag} {release.kind} {release.tag} {release.revision or ''}"
        yield f"{WORKER} {release.tag} worker {release.tag} {release.commit}"

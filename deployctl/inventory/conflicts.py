"""Where two services on one host get in each other's way, although each by itself is right."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING

from deployctl.inventory.section import Mistake
from deployctl.inventory.text import key_path, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployctl.inventory.values.service import ComposeService


def conflicts(services: Sequence[ComposeService]) -> list[Mistake]:
    """Return what is wrong with services that are on the same host."""
    # What a service lacks is a mistake of its own, and no reason to suspect another one.
    whole = [each for each in services if each.hosts and each.directory and each.compose_files]
    found = [
        *(_lock_conflict(*pair) for pair in combinations(whole, 2) if _share_a_host(*pair)),
        *(_tag_conflict(*pair) for pair in permutations(whole, 2) if _share_a_host(*pair)),
    ]
    return [mistake for mistake in found if mistake]


def _share_a_host(one: ComposeService, other: ComposeService) -> bool:
    return not set(one.hosts).isdisjoint(other.hosts)


def _lock_conflict(earlier: ComposeService, later: ComposeService) -> Mistake | None:
    """Return why the two would share, or fail to share, the lock in their state directory."""
    one, other = earlier.state_directory, later.state_directory
    owner = key_path(("services", earlier.name))
    if one == other and earlier.directory != later.directory:
        reason = (
            f"{shown(other)} is also that of {owner}, which is in another directory "
            f"({shown(earlier.directory)}): each Compose project needs its own"
        )
    elif _inside(one, other) or _inside(other, one):
        reason = f"{shown(other)} overlaps that of {owner} ({shown(one)}): keep them apart"
    elif one != other and earlier.project_directory == later.project_directory:
        reason = (
            f"{shown(other)} differs from that of {owner} ({shown(one)}): services of one "
            "Compose project share one, because they share its lock"
        )
    else:
        return None
    return Mistake(("services", later.name, "state_directory"), reason)


def _inside(path: str, directory: str) -> bool:
    return path != directory and path.startswith(directory.rstrip("/") + "/")


def _tag_conflict(keeper: ComposeService, other: ComposeService) -> Mistake | None:
    """Return why the tag of one cannot be kept in .env: the other would read it, too."""
    if not keeper.persist or keeper.tag_variable != other.tag_variable:
        return None
    if keeper.project_directory != other.project_directory:
        return None
    return Mistake(
        ("services", keeper.name, "persist"),
        f"keeps {keeper.tag_variable} in .env, which is also the tag_variable of "
        f"{key_path(('services', other.name))}: a plain docker compose up would start both "
        "with one tag; give each a variable of its own, in the compose files, too",
    )

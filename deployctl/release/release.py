"""What is deployed: content under a tag. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a run does."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Release:
    """Content under a tag: what runs, what is recorded or what shall run.

    Attributes:
        tag: "sha-…"; for what someone started by hand, any tag.
        image_id: docker's id of the content on this host.
        digest: the registry's digest of it; empty where it is not known.
    """

    tag: str
    image_id: str
    digest: str = ""


def same_release(recorded: Release, running: Release, digests: Iterable[str] = ()) -> bool:
    """Whether what runs is the recorded content.

    Image ids differ between docker's image stores, so a digest that both know decides too.

    Args:
        recorded: from the history.
        running: from docker.
        digests: repo digests ("sha256:…") of the running image.
    """
    if recorded.tag != running.tag:
        return False
    return recorded.image_id == running.image_id or (
        bool(recorded.digest) and recorded.digest in set(digests)
    )

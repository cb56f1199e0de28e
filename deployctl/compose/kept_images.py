"""Our own names for images on a host: they protect them from `docker image prune`. Pure.

    deployctl/PROJECT/SERVICE:TAG            a release that ran well here
    deployctl/PROJECT/SERVICE:TAG-fetched-N  what was fetched for a run that would write line N
    deployctl/SERVICE:TAG                    either, as the version before named it

The last says nothing of the project: such names are looked for, and never removed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_LONGEST = 100  # characters of a component; an image's name may have 255
# A byte that cannot stand in a component of an image's name as it is. 0 in front is our own.
_MISFIT = re.compile(rb"\A0|(?<![a-z0-9])[._-]|[._-](?![a-z0-9])|[^a-z0-9._-]")
_TAG = re.compile(r"\w[\w.-]*", re.ASCII)
_FETCHED = re.compile(r"(.+)-fetched-[0-9]+", re.ASCII)


def kept_repository(project: str, service: str) -> str:
    """Return the repository under which the releases of a project's service are kept.

    Any two names make one of their own that docker takes.
    """
    return f"deployctl/{_component(project)}/{_component(service)}"


def kept_repositories(project: str | None, service: str) -> tuple[str, ...]:
    """Return the repositories under which a service's releases may be kept.

    project: None: it is not known.
    """
    before = f"deployctl/{service}"
    return (before,) if project is None else (kept_repository(project, service), before)


def kept_image(project: str, service: str, tag: str) -> str:
    """Return the name under which one release is kept."""
    return f"{kept_repository(project, service)}:{tag}"


def fetched_tag(tag: str, line: int) -> str:
    """Return the tag that protects what was fetched, until the next run that succeeds.

    Args:
        tag: the release's own.
        line: number of the next line of the history that the fetch was decided on. No run that
            began before can know the name, so none removes it when it tidies up; and one that
            begins afterwards writes that line, so what was decided before it is decided again.
    """
    return f"{tag}-fetched-{line}"


@dataclass(frozen=True)
class Outdated:
    """What goes after a success.

    Attributes:
        kept: tags of the kept repository.
        tags: of the service's own repository; one that somebody else uses stays.
    """

    kept: tuple[str, ...]
    tags: tuple[str, ...]


def outdated(kept: Iterable[str], keep: Collection[str] | None) -> Outdated:
    """Return what goes of a service's images.

    A release that stays has one name at least: that of its fetch, where a run was cut off after it
    had succeeded.

    Args:
        kept: tags of the kept repository.
        keep: tags of releases that stay; None: all.
    """
    # By our own tag, the release's.
    known = {tag: _FETCHED.sub(r"\1", tag) for tag in kept if _TAG.fullmatch(tag)}
    stay = set(known.values()) if keep is None else keep
    gone = {
        tag: release
        for tag, release in known.items()
        if release not in stay or (release != tag and release in known)
    }
    return Outdated(tuple(gone), tuple(r for r in dict.fromkeys(gone.values()) if r not in stay))


def _component(name: str) -> str:
    """Write a name as a component of an image's name, so that it can be read back.

    A byte that cannot stand there is "__" and two hex digits. The 0 in front of one that comes
    first is no part of the name. What is too long ends in its hash, behind "--".
    """
    whole = name.encode(errors="surrogatepass")
    text = _MISFIT.sub(lambda byte: b"__%02x" % ord(byte[0]), whole).decode("ascii")
    if not text[:1].isalnum():
        text = f"0{text}"
    if len(text) <= _LONGEST:
        return text
    return f"{text[:32].rstrip('._-')}--{hashlib.sha256(whole).hexdigest()}"

"""Tags, digests and image references: pure text, no registry and no docker."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployctl.quoting import shown

REVISION_LABEL = "org.opencontainers.image.revision"
"""The label of an image that says which commit it was made from."""

_SHORT_TAG = re.compile(r"sha-[0-9a-f]{7}\Z", re.ASCII)
_LONG_TAG = re.compile(r"sha-[0-9a-f]{7,40}\Z", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z", re.ASCII)
_MUTABLE_NAMES = {"latest", "stable", "edge", "nightly", "dev", "main", "master", "production"}
_SHORT = 7


@dataclass(frozen=True)
class Reference:
    """An image reference as Compose and docker write it: `repository[:tag][@digest]`."""

    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Split a reference; the tag is what follows the last colon behind the last slash."""
        name, _, digest = text.partition("@")
        head, slash, last = name.rpartition("/")
        base, _, tag = last.partition(":")
        return cls(repository=f"{head}{slash}{base}", tag=tag, digest=digest)

    @property
    def registry(self) -> str:
        """The registry's HOST or HOST:PORT; "docker.io" where none is named."""
        first, slash, _ = self.repository.partition("/")
        named = slash and (first == "localhost" or "." in first or ":" in first)
        return first if named else "docker.io"

    @property
    def login_server(self) -> str:
        """What docker calls the registry in its own configuration."""
        return "https://index.docker.io/v1/" if self.registry == "docker.io" else self.registry

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def is_digest(text: str) -> bool:
    """Whether the text is a SHA-256 content digest, `sha256:` and 64 hex digits."""
    return _DIGEST.match(text) is not None


def tag_problem(text: str, *, long_tags: bool = False) -> str | None:
    """Say why a text is not an immutable commit tag; None when it is one.

    Args:
        text: what was given as the tag.
        long_tags: accept `sha-` and 7 to 40 hex digits, not only 7.
    """
    if (_LONG_TAG if long_tags else _SHORT_TAG).match(text):
        return None
    return _wrong_kind(text)


def _wrong_kind(text: str) -> str:
    if not text:
        return (
            "the tag is empty; in a workflow that means that the output it comes from "
            "does not exist or is misspelt"
        )
    if text.lower() in _MUTABLE_NAMES or text.startswith("refs/"):
        return f"{shown(text)} is a name that moves: it points to other content over time"
    if _DIGEST.match(text):
        return f"{shown(text)} is a digest: give the tag here and the digest as --digest"
    if ":" in text or "/" in text or "@" in text:
        return f"{shown(text)} is not a tag alone: give only the part behind the last colon"
    if re.fullmatch(r"v?\d+(\.\d+)+\S*", text):
        return f"{shown(text)} is a version number, which can be moved to another commit"
    if re.fullmatch(r"[0-9a-fA-F]{7,40}", text):
        return f"{shown(text)} lacks the prefix: sha-{text[:7].lower()}"
    if re.fullmatch(r"sha-[0-9a-f]*", text, re.ASCII | re.IGNORECASE):
        return _wrong_digits(text)
    return f"{shown(text)} is not a commit tag"


def _wrong_digits(text: str) -> str:
    digits = text[len("sha-") :]
    if text != text.lower() and len(digits) >= _SHORT:
        return (
            f"{shown(text)} has capital letters; the tag of a commit is lower case: "
            f"sha-{digits[:_SHORT].lower()}"
        )
    return f"{shown(text)} has {len(digits)} hex digits behind sha-, not {_SHORT}"

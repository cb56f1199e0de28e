"""The known_hosts files: which keys they have for a host.

Paramiko's own reader is not used: one malformed line makes it reject a whole file, and it knows
no `@revoked`. Nothing here adds a key anywhere.
"""

from __future__ import annotations

import hmac
import shlex
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from deployctl.inventory.ssh_public_key import decode
from deployctl.ssh.endpoint import known_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class KnownKey:
    """One key that a known_hosts file has for a host.

    Attributes:
        key_type: "ssh-ed25519" and the like.
        blob: the public key in SSH's wire format.
        source: file and line, for messages.
        name: that the line has been found under, as `ssh-keygen -R` takes it.
        revoked: whether the line says that this key must never be accepted.
    """

    key_type: str
    blob: bytes
    source: str
    revoked: bool = False
    name: str = ""

    @property
    def removal(self) -> str:
        """The command that takes the line out of its file."""
        file = self.source.rpartition(":")[0]
        return f"ssh-keygen -f {shlex.quote(file)} -R {shlex.quote(self.name)}"


def known_keys(files: Sequence[Path], hostname: str, port: int) -> list[KnownKey]:
    """Return the keys that known_hosts files have for a host; unreadable lines are skipped.

    As OpenSSH does, an entry for the bare name counts if there is none for "[name]:port".

    Args:
        files: paths; those that cannot be read are skipped.
        hostname: as connected to, or HostKeyAlias.
        port: TCP port.
    """
    entries = [entry for path in files for entry in _entries(path)]
    hostname = hostname.lower()
    names = list(dict.fromkeys([known_name(hostname, port), hostname]))
    revoked = [
        key
        for patterns, key in entries
        if key.revoked and any(_matches(patterns, n) for n in names)
    ]
    for name in names:
        keys = [
            replace(key, name=name)
            for patterns, key in entries
            if not key.revoked and _matches(patterns, name)
        ]
        if keys:
            return revoked + keys
    return revoked


def _entries(path: Path) -> Iterator[tuple[str, KnownKey]]:
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        # A host certificate cannot be checked by paramiko: its authority's key vouches for
        # nothing here, least of all as a host's own key.
        if marker not in ("", "@revoked") or len(fields) < 3:  # noqa: PLR2004 - name, type, key
            continue
        blob = decode(fields[2])
        if blob:
            source = f"{path}:{number}"
            yield fields[0], KnownKey(fields[1], blob, source, revoked=bool(marker))


def _matches(patterns: str, name: str) -> bool:
    """Whether a line's host field means this name ("a,*.b,!c.b", or hashed)."""
    if patterns.startswith("|1|"):
        return _hashed_matches(patterns, name)
    matched = False
    for pattern in patterns.lower().split(","):
        wanted = pattern.removeprefix("!")
        # "[" is literal in known_hosts, and a character class in fnmatch.
        if fnmatchcase(name, wanted.replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def _hashed_matches(field: str, name: str) -> bool:
    salt, _, digest = field.removeprefix("|1|").partition("|")
    key, expected = decode(salt), decode(digest)
    if not key or not expected:
        return False
    # SHA-1 is the file format's; nothing secret depends on it.
    return hmac.compare_digest(hmac.new(key, name.encode(), "sha1").digest(), expected)

"""Is this the right host? Pinned keys and known_hosts files, compared byte by byte.

Paramiko's own reader is not used: one malformed line makes it reject a whole file, it knows no
`@revoked`, and it asks for a single key type only. Nothing here adds a key anywhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import shlex
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from deployctl.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from deployctl.ssh.failures import Place
    from deployctl.ssh.revocations import Revocations

# Signature algorithms by key type, in order of preference.
ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
_SHORT_NAMES = {"ED25519": "ssh-ed25519", "RSA": "ssh-rsa", "ECDSA": "ecdsa-sha2-nistp256"}
_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?(?![A-Za-z0-9+/])")
_PUBLIC_KEY = re.compile(r"(?:^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+(AAAA[A-Za-z0-9+/]+=*)")


@dataclass(frozen=True)
class Pin:
    """The key that the inventory expects.

    Attributes:
        fingerprint: "SHA256:…", as `ssh-keygen -lf` prints it.
        key_type: "ssh-ed25519" and the like; None: a fingerprint does not tell.
        setting: where it is written, for messages.
    """

    fingerprint: str
    key_type: str | None = None
    setting: str = "host_key in the inventory"


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


def fingerprint(blob: bytes) -> str:
    """Return "SHA256:…" for a public key in wire format."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii")
    return "SHA256:" + digest.rstrip("=")


def parse_pin(text: str) -> Pin | None:
    """Read a fingerprint, a line of `ssh-keygen -lf`, a public key or a known_hosts line.

    Returns:
        None if it is none of these.
    """
    if found := _PUBLIC_KEY.search(text):
        blob = decode_key(found[2])
        return Pin(fingerprint(blob), found[1]) if blob else None
    if found := _FINGERPRINT.search(text):
        named = re.search(r"\((ED25519|RSA|ECDSA)\)\s*$", text)
        return Pin(f"SHA256:{found[1]}", _SHORT_NAMES[named[1]] if named else None)
    return None


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
    names = [hostname] if port == 22 else [f"[{hostname}]:{port}", hostname]  # noqa: PLR2004
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
        blob = decode_key(fields[2])
        if blob:
            source = f"{path}:{number}"
            yield fields[0], KnownKey(fields[1], blob, source, revoked=bool(marker))


def decode_key(text: str | bytes) -> bytes | None:
    """Return a public key in wire format from its base64; None: it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


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
    key, expected = decode_key(salt), decode_key(digest)
    if not key or not expected:
        return False
    # SHA-1 is the file format's; nothing secret depends on it.
    return hmac.compare_digest(hmac.new(key, name.encode(), "sha1").digest(), expected)


class OtherKeyOfferedError(HostError):
    """The host has another key than the pinned one, perhaps beside it."""


class HostKeyPolicy:
    """Decides about the key that a host offers; paramiko calls `missing_host_key`.

    Args:
        place: the host, for messages.
        pin: the key that the inventory expects; None: known_hosts decides.
        known: what known_hosts files say about the host; of these, only revocations count if
            there is a pin.
        revocations: what RevokedHostKeys of ssh_config names.
        is_jump: whether it is a jump host, which has no entry in the inventory.

    Attributes:
        refusal: why the pin did not match so far.
    """

    def __init__(
        self,
        place: Place,
        pin: Pin | None,
        known: Sequence[KnownKey],
        revocations: Sequence[Revocations] = (),
        *,
        is_jump: bool,
    ) -> None:
        self._place = place
        self._pin = pin
        self._known = [key for key in known if not key.revoked]
        self._revoked = [key for key in known if key.revoked]
        self._revocations = revocations
        self._is_jump = is_jump
        self._refused_types: list[str] = []
        self.refusal: HostError | None = None

    def algorithms(self) -> list[str]:
        """Return the host key algorithms to offer, in order of preference.

        Types of which a key is expected come first, so that a host with several keys shows the
        one that can be checked. Types whose key did not match the pin are left out.
        """
        expected = {key.key_type for key in self._known}
        if self._pin is not None:
            expected = {self._pin.key_type or ""}
        types = [t for t in ALGORITHMS if t not in self._refused_types]
        types.sort(key=lambda key_type: key_type not in expected)
        return [algorithm for key_type in types for algorithm in ALGORITHMS[key_type]]

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
        """Accept the offered key by returning.

        Raises:
            HostError: host-key-unknown, host-key-mismatch, host-key-revoked or
                revoked-keys-unreadable.
            OtherKeyOfferedError: the pin is a fingerprint and another key was offered.
        """
        self.check(key.get_name(), key.asbytes())

    def check(self, key_type: str, blob: bytes) -> None:
        """As `missing_host_key`, for a key in wire format."""
        for key in self._revoked:
            if key.blob == blob:
                raise self._revoked_error(blob, key.source)
        for revocations in self._revocations:
            if source := revocations.revoking(key_type, blob):
                raise self._revoked_error(blob, source)
        if self._pin is not None:
            self._check_pin(self._pin, key_type, blob)
        elif not self._known:
            raise self._unknown_error(key_type, blob)
        elif blob not in [key.blob for key in self._known]:
            removals = dict.fromkeys(key.removal for key in self._known)
            raise self._mismatch_error(
                [f"{k.key_type} {fingerprint(k.blob)} ({k.source})" for k in self._known],
                key_type,
                blob,
                "remove the old one (second line) and try again, which shows what to add",
                removals,
            )

    def _check_pin(self, pin: Pin, key_type: str, blob: bytes) -> None:
        if hmac.compare_digest(fingerprint(blob), pin.fingerprint):
            return
        self._refused_types.append(key_type)
        error = self._mismatch_error(
            [f"{pin.fingerprint} ({pin.setting})"],
            key_type,
            blob,
            f"put the second line into {pin.setting}",
            [fingerprint(blob)],
        )
        if key_type == pin.key_type:
            raise error
        self.refusal = self.refusal or error  # the first one: the host's preferred key
        raise OtherKeyOfferedError(error.code, error.message, hint=error.hint)

    def _unknown_error(self, key_type: str, blob: bytes) -> HostError:
        shown = fingerprint(blob)
        remedy, lines = self._remedy(key_type, blob)
        return HostError(
            "host-key-unknown",
            f"the identity of {self._place} is not known: it shows the {key_type} key {shown}",
            hint=f"read its key on the host's console; only if it is the same, {remedy}:\n"
            + "\n".join([_read_key(key_type), *lines]),
        )

    def _remedy(self, key_type: str, blob: bytes) -> tuple[str, list[str]]:
        if not self._is_jump:
            line = f'host_key = "{fingerprint(blob)}"'
            return f"add the second line to [hosts.{self._place.label}]", [line]
        name = self._place.hostname
        if self._place.port != 22:  # noqa: PLR2004
            name = f"[{name}]:{self._place.port}"
        key = base64.b64encode(blob).decode("ascii")
        return "add the second line to known_hosts", [f"{name} {key_type} {key}"]

    def _mismatch_error(
        self, expected: list[str], key_type: str, blob: bytes, edit: str, commands: Iterable[str]
    ) -> HostError:
        return HostError(
            "host-key-mismatch",
            f"{self._place} is not the host it was: expected {' or '.join(expected)}, "
            f"but it shows {key_type} {fingerprint(blob)}",
            hint="was it reinstalled? If not, somebody is between here and there: stop. Read its "
            f"key on the host's console; only if it is the same, {edit}:\n"
            + "\n".join([_read_key(key_type), *commands]),
        )

    def _revoked_error(self, blob: bytes, source: str) -> HostError:
        return HostError(
            "host-key-revoked",
            f"{self._place} shows the key {fingerprint(blob)}, which {source} revokes",
            hint="do not connect: someone may have the host's key. Give the host a new one "
            "(`ssh-keygen -A` after removing the old) and pin that",
        )


def _read_key(key_type: str) -> str:
    """The command that shows, on the host itself, the fingerprint of its key of this type."""
    name = key_type.removeprefix("ssh-").split("-", maxsplit=1)[0]
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{name}_key.pub"

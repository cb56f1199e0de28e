"""Is this the right host? The key that it shows, compared byte by byte with what is expected.

Paramiko's own check is not used: it asks for a single key type only.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from deployctl.errors import HostError
from deployctl.inventory.ssh_public_key import encode, fingerprint
from deployctl.ssh.endpoint import known_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deployctl.inventory import PinnedKey
    from deployctl.ssh.endpoint import Endpoint
    from deployctl.ssh.known_hosts import KnownKey
    from deployctl.ssh.revocations import Revocations

# Signature algorithms by key type, in order of preference.
ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}


class HostKeyPolicy:
    """Decides about the key that a host offers; paramiko calls `missing_host_key`.

    Args:
        endpoint: the host, for messages.
        pin: the key that the inventory expects; None: known_hosts decides.
        known: what known_hosts files say about the host; of these, only revocations count if
            there is a pin.
        revocations: what RevokedHostKeys of ssh_config names.
        is_jump: whether it is a jump host, which has no entry in the inventory.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        pin: PinnedKey | None,
        known: Sequence[KnownKey],
        revocations: Sequence[Revocations] = (),
        *,
        is_jump: bool,
    ) -> None:
        self._endpoint = endpoint
        self._pin = pin
        self._known = [key for key in known if not key.revoked]
        self._revoked = [key for key in known if key.revoked]
        self._revocations = revocations
        self._is_jump = is_jump
        self._refused_types: list[str] = []
        self._refusal: HostError | None = None

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

    def final(self, error: HostError) -> HostError | None:
        """Return what to give up with after this error; None: the host may show another key.

        A pinned fingerprint does not tell the key's type, and a host with several keys shows one
        at a time: it is asked for the others, too, without the types already seen.
        """
        if self._refusal is None:
            return error
        if error.code == "ssh-incompatible":  # it has no key of a type not seen
            return self._refusal
        if error.code != self._refusal.code:
            return error
        return None if self.algorithms() else self._refusal

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
        """Accept the offered key by returning.

        Raises:
            HostError: host-key-unknown, host-key-mismatch, host-key-revoked or
                revoked-keys-unreadable.
        """
        self.check(key.get_name(), key.asbytes())

    def check(self, key_type: str, blob: bytes) -> None:
        """As `missing_host_key`, for a key in wire format."""
        self._check_revocations(key_type, blob)
        if self._pin is not None:
            self._check_pin(self._pin, key_type, blob)
        elif not self._known:
            raise self._unknown_error(key_type, blob)
        elif blob not in [key.blob for key in self._known]:
            raise self._mismatch_error(
                [f"{k.key_type} {fingerprint(k.blob)} ({k.source})" for k in self._known],
                key_type,
                blob,
                "remove the old one (second line) and try again, which shows what to add",
                dict.fromkeys(key.removal for key in self._known),
            )

    def _check_revocations(self, key_type: str, blob: bytes) -> None:
        for key in self._revoked:
            if key.blob == blob:
                raise self._revoked_error(blob, key.source)
        for revocations in self._revocations:
            if source := revocations.revoking(key_type, blob):
                raise self._revoked_error(blob, source)

    def _check_pin(self, pin: PinnedKey, key_type: str, blob: bytes) -> None:
        if hmac.compare_digest(fingerprint(blob), pin.fingerprint):
            return
        error = self._mismatch_error(
            [f"{pin.fingerprint} ({pin.setting})"],
            key_type,
            blob,
            f"put the second line into {pin.setting}",
            [fingerprint(blob)],
        )
        if pin.key_type is None:
            self._refused_types.append(key_type)
            self._refusal = self._refusal or error  # the first one: the host's preferred key
        raise error

    def _unknown_error(self, key_type: str, blob: bytes) -> HostError:
        shown = fingerprint(blob)
        remedy, lines = self._remedy(key_type, blob)
        return HostError(
            "host-key-unknown",
            f"the identity of {self._endpoint} is not known: it shows the {key_type} key {shown}",
            hint=f"read its key on the host's console; only if it is the same, {remedy}:\n"
            + "\n".join([_read_key(key_type), *lines]),
        )

    def _remedy(self, key_type: str, blob: bytes) -> tuple[str, list[str]]:
        if not self._is_jump:
            line = f'host_key = "{fingerprint(blob)}"'
            return f"add the second line to [hosts.{self._endpoint.label}]", [line]
        name = known_name(self._endpoint.hostname, self._endpoint.port)
        return "add the second line to known_hosts", [f"{name} {key_type} {encode(blob)}"]

    def _mismatch_error(
        self, expected: list[str], key_type: str, blob: bytes, edit: str, commands: Iterable[str]
    ) -> HostError:
        return HostError(
            "host-key-mismatch",
            f"{self._endpoint} is not the host it was: expected {' or '.join(expected)}, "
            f"but it shows {key_type} {fingerprint(blob)}",
            hint="was it reinstalled? If not, somebody is between here and there: stop. Read its "
            f"key on the host's console; only if it is the same, {edit}:\n"
            + "\n".join([_read_key(key_type), *commands]),
        )

    def _revoked_error(self, blob: bytes, source: str) -> HostError:
        return HostError(
            "host-key-revoked",
            f"{self._endpoint} shows the key {fingerprint(blob)}, which {source} revokes",
            hint="do not connect: someone may have the host's key. Give the host a new one "
            "(`ssh-keygen -A` after removing the old) and pin that",
        )


def _read_key(key_type: str) -> str:
    """The command that shows, on the host itself, the fingerprint of its key of this type."""
    name = key_type.removeprefix("ssh-").split("-", maxsplit=1)[0]
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{name}_key.pub"

"""Public keys as SSH writes them: the wire format, its base64 and its fingerprint."""

from __future__ import annotations

import binascii


def decode(text: str | bytes) -> bytes | None:
    """Return what base64 stands for; None: it is no base64."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def encode(blob: bytes) -> str:
    """Return the base64 of a key in wire format, as a public key file has it."""
    return binascii.b2a_base64(blob, newline=False).decode("ascii")


def fingerprint(blob: bytes) -> str:
    """Return "SHA256:…" for a key in wire format, as `ssh-keygen -lf` prints it."""
    from hashlib import sha256  # few inventories hold a whole key, and this costs start-up time

    return "SHA256:" + encode(sha256(blob).digest()).rstrip("=")


def is_of_type(blob: bytes, key_type: str) -> bool:
    """Whether a key in wire format says that it is of this type ("ssh-ed25519")."""
    # It starts with the length and text of its own type: RFC 4253, section 6.6.
    return blob.startswith(len(key_type).to_bytes(4, "big") + key_type.encode("ascii"))

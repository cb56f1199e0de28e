"""Public keys in wire format and in base64."""

from __future__ import annotations

import base64


def _blob(key_type: str, content: bytes = b"one") -> bytes:
    fields = [key_type.encode(), content]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


ED25519 = _blob("ssh-ed25519")
RSA = _blob("ssh-rsa")
OTHER = _blob("ssh-ed25519", b"other")
ED25519_TEXT = base64.b64encode(ED25519).decode()
RSA_TEXT = base64.b64encode(RSA).decode()
OTHER_TEXT = base64.b64encode(OTHER).decode()

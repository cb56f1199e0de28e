"""Host keys that must never be accepted: the files that RevokedHostKeys of ssh_config names.

As ssh_config(5) has it, a file that is named and cannot be read refuses every host.
"""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from deployctl.errors import HostError
from deployctl.inventory.ssh_public_key import decode, encode
from deployctl.ssh.failures import printable

_LIST = b"SSHKRL\n\0"
"""How OpenSSH's binary key revocation list begins (PROTOCOL.krl)."""
_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True)
class Revocations:
    """One such file.

    Attributes:
        path: of the file.
        lines: the number of its line, for each key in wire format.
        is_list: whether it is a binary list, which only ssh-keygen reads.
    """

    path: Path
    lines: dict[bytes, int] = field(default_factory=dict)
    is_list: bool = False

    def revoking(self, key_type: str, blob: bytes) -> str:
        """Return what revokes a key, for messages; empty: nothing here does.

        Args:
            key_type: "ssh-ed25519" and the like.
            blob: the key in wire format.

        Raises:
            HostError: revoked-keys-unreadable.
        """
        if not self.is_list:
            return f"{self.path}:{self.lines[blob]}" if blob in self.lines else ""
        if self._has_no(key_type, blob):
            return ""
        # ssh-keygen fails in the same way for a list that it cannot read. No list has a key that
        # was never used before.
        if not self._has_no("ssh-ed25519", _new_key()):
            raise _unreadable(self.path, "it is damaged, or ssh-keygen does not know its format")
        return str(self.path)

    def _has_no(self, key_type: str, blob: bytes) -> bool:
        """Whether ssh-keygen says that the list does not have a key."""
        with tempfile.NamedTemporaryFile("w", suffix=".pub") as public:
            public.write(f"{key_type} {encode(blob)}\n")
            public.flush()
            argv = ["ssh-keygen", "-Q", "-f", str(self.path.absolute()), public.name]
            try:
                asked = subprocess.run(  # noqa: S603 - no shell, and a program that is in PATH
                    argv,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_TIMEOUT,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise _unreadable(
                    self.path, f"it is a binary list, and ssh-keygen cannot be asked: {error}"
                ) from error
        return asked.returncode == 0


def read_revocations(path: Path) -> Revocations:
    """Read a file that names revoked keys, one public key a line, or a binary list.

    Raises:
        HostError: revoked-keys-unreadable.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _unreadable(path, reason or "unknown reason") from error
    if content.startswith(_LIST):
        return Revocations(path, is_list=True)
    lines: dict[bytes, int] = {}
    for number, line in enumerate(content.split(b"\n"), 1):
        if blob := _key(line):
            lines.setdefault(blob, number)
    return Revocations(path, lines)


def _key(line: bytes) -> bytes | None:
    """Return the key in a line `TYPE BASE64 COMMENT`; None: there is none."""
    fields = line.split()
    if len(fields) < 2 or fields[0].startswith(b"#"):  # noqa: PLR2004 - type and key
        return None
    return decode(fields[1])


def _new_key() -> bytes:
    parts = (b"ssh-ed25519", secrets.token_bytes(32))
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _unreadable(path: Path, reason: str) -> HostError:
    return HostError(
        "revoked-keys-unreadable",
        f"RevokedHostKeys of your ssh_config names {printable(str(path))}, and it cannot be read: "
        f"{printable(reason)}",
        hint="until it can be read no host is trusted, as with ssh: restore the file, or take "
        "RevokedHostKeys out of ~/.ssh/config or /etc/ssh/ssh_config",
    )

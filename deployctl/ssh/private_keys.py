"""Private keys: from what people paste into a CI secret to a key that paramiko can use."""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from deployctl.errors import HostError
from deployctl.inventory.ssh_public_key import fingerprint

# Chat programs turn "--" into a dash of another kind; five of them may become three.
_DASHES = "[-\u2010-\u2015]{2,}"
_BLOCK = re.compile(
    rf"{_DASHES}\s*BEGIN ([A-Z0-9 ]*PRIVATE KEY)\s*{_DASHES}(.*?){_DASHES}\s*END \1\s*{_DASHES}",
    re.DOTALL,
)
_BEGIN = re.compile(rf"{_DASHES}\s*BEGIN [A-Z0-9 ]*PRIVATE KEY")
_PATH = re.compile(r"^(~|\.{0,2})/[^\s]+$")
_PUBLIC = re.compile(
    r"^(ssh-|ecdsa-sha2-|sk-)\S+\s+AAAA|BEGIN (SSH2 |RSA )?PUBLIC KEY|BEGIN CERTIFICATE"
)
_PROC_TYPE = re.compile(r"Proc-Type:\s*4\s*,\s*ENCRYPTED")
# With the lengths of the ciphers' initialisation vectors: without its line break, the key itself
# follows at once and may begin with hex digits too.
_DEK_INFO = re.compile(
    r"DEK-Info:\s*(?:(AES-\d+-CBC)\s*,\s*([0-9A-Fa-f]{32})|(DES-\w+)\s*,\s*([0-9A-Fa-f]{16}))"
)
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\x00"))
_DAMAGED_HINT = (
    "paste the file again. `ssh-keygen -yf FILE` tells whether the file itself is good, "
    "`ssh-keygen -p -f FILE` writes it anew in OpenSSH's format"
)
_WRONG_WORD_HINT = "check `passphrase`; `ssh-keygen -yf FILE` asks for it and tells"


@dataclass(frozen=True)
class Identity:
    """A private key that can log in.

    Attributes:
        key: paramiko's key object.
        source: where it came from, for messages: a variable, a path, "agent".
    """

    key: Any = field(repr=False)
    source: str

    @property
    def public_blob(self) -> bytes:
        """The public key in wire format."""
        blob: bytes = self.key.asbytes()
        return blob

    def __str__(self) -> str:
        return f"{self.key.get_name()} {fingerprint(self.public_blob)} ({self.source})"


class PassphraseNeededError(HostError):
    """The key is encrypted and no passphrase was given."""


def _normalise(text: str, source: str) -> str:
    r"""Return a private key as a well-formed PEM block.

    Repairs what happens on the way into a secret: line breaks as the two characters `\\n`,
    everything on one line, indentation, CRLF, quotes around it, a missing last newline, invisible
    characters, base64 around the whole.

    Args:
        text: as given by the user.
        source: where it came from, for messages.

    Raises:
        HostError: key-unusable; it says what was pasted instead, never the text itself.
    """
    text = text.translate(_INVISIBLE)
    text = re.sub(r"(\\r)?\\n|\\r|\r\n?", "\n", text).strip().strip("'\"`").strip()
    if not text:
        _refuse(source, "is empty", "put the whole text of the private key file into it")
    _refuse_other_things(text, source)
    if found := _BLOCK.search(text):
        return _rewrap(found[1], found[2], source)
    if _BEGIN.search(text):
        _refuse(
            source,
            "is cut off: it begins like a private key, but its END line is missing",
            "paste the whole file, from -----BEGIN to -----END; in a shell or YAML, quote it",
        )
    if unwrapped := _unwrap_base64(text):
        return _normalise(unwrapped, source)
    return _refuse(
        source,
        "is not a private key: it has no -----BEGIN … PRIVATE KEY----- line",
        "paste the whole private key file, the one without .pub, with its first and last line",
    )


def _refuse_other_things(text: str, source: str) -> None:
    if _PUBLIC.search(text):
        _refuse(
            source,
            "holds a PUBLIC key or certificate; the private key is needed",
            "paste the file without .pub; the public one belongs into ~/.ssh/authorized_keys "
            "on the host",
        )
    if text.startswith("PuTTY-User-Key-File"):
        _refuse(
            source,
            "holds a key in PuTTY's format",
            "convert it: puttygen key.ppk -O private-openssh -o key",
        )
    if _PATH.match(text):
        _refuse(
            source,
            "holds a path, not the key itself",
            "for a file use `identity_file`; in a secret, paste the file's content",
        )


def _unwrap_base64(text: str) -> str | None:
    """Return the key inside `base64 < key`, which people make to get it on one line."""
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return decoded if _BEGIN.search(decoded) else None


def _rewrap(label: str, body: str, source: str) -> str:
    headers: list[str] = []
    if found := _DEK_INFO.search(body):  # OpenSSL's older encryption has two header lines
        cipher, vector = found[1] or found[3], found[2] or found[4]
        headers = ["Proc-Type: 4,ENCRYPTED", f"DEK-Info: {cipher},{vector}", ""]
        body = _PROC_TYPE.sub("", _DEK_INFO.sub("", body))
    data = "".join(body.split())
    if not data or _NO_BASE64.search(data):
        _refuse(
            source,
            "is damaged: between its BEGIN and END lines stands something else than a key",
            "paste the file again; editors and `echo` may have changed it",
        )
    lines = [data[i : i + 64] for i in range(0, len(data), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *headers, *lines, f"-----END {label}-----", ""])


def load(text: str, passphrase: str | None, source: str) -> Identity:
    """Return the identity in the text of a private key.

    Reads OpenSSH's format, the PEM formats of OpenSSL and PKCS#8, encrypted or not.

    Args:
        text: as given by the user.
        passphrase: of an encrypted key; ignored for others.
        source: where it came from, for messages.

    Raises:
        PassphraseNeededError: key-unusable, for want of a passphrase.
        HostError: key-unusable; never with a part of the key.
    """
    pem = _normalise(text, source).encode("ascii")
    return Identity(_as_paramiko(_decrypt(pem, passphrase, source), source), source)


def _decrypt(pem: bytes, passphrase: str | None, source: str) -> Any:
    key = _parse(pem, None, source)
    if key is None and not passphrase:
        raise PassphraseNeededError(
            "key-unusable",
            f"the private key in {source} is encrypted and no passphrase is given",
            hint="give `passphrase`, use ssh-agent, or make a key of its own for deployments:\n"
            'ssh-keygen -t ed25519 -N "" -f deploy_key',
        )
    return key if key is not None else _parse(pem, passphrase, source)


def _parse(pem: bytes, passphrase: str | None, source: str) -> Any:
    """Return the key; None if it is encrypted and no passphrase is given."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    is_openssh = b"BEGIN OPENSSH" in pem
    read = serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    # Nothing is chained to the errors: the library's own could carry a part of the key.
    try:
        return read(pem, passphrase.encode() if passphrase else None)
    except TypeError:  # the documented sign of a missing passphrase
        return None
    except UnsupportedAlgorithm:
        _refuse_type(source)
    except Exception:  # noqa: BLE001 - a damaged key raises more than what is documented
        if passphrase:
            _refuse(source, "is encrypted and the passphrase does not open it", _WRONG_WORD_HINT)
        _refuse(source, "cannot be read: the text is damaged or incomplete", _DAMAGED_HINT)


def _as_paramiko(key: Any, source: str) -> Any:
    import paramiko
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        return paramiko.RSAKey(key=key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name not in ("secp256r1", "secp384r1", "secp521r1"):
            _refuse_type(source)
        return paramiko.ECDSAKey(vals=(key, key.public_key()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        return paramiko.Ed25519Key(file_obj=io.StringIO(text.decode("ascii")))
    return _refuse_type(source)


def _refuse_type(source: str) -> NoReturn:
    _refuse(
        source,
        "is damaged, or of a type or encryption that is not supported",
        "paste it again, or make a new one: ssh-keygen -t ed25519 -f deploy_key",
    )


def _refuse(source: str, problem: str, remedy: str) -> NoReturn:
    raise HostError("key-unusable", f"the private key in {source} {problem}", hint=remedy) from None

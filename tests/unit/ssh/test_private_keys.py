"""Private keys in every form in which they arrive in a CI secret."""

from __future__ import annotations

import base64
import subprocess
import traceback
from typing import TYPE_CHECKING, Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from deployctl.errors import HostError
from deployctl.ssh import private_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PEM = serialization.Encoding.PEM
_FORMATS = {
    "openssh": serialization.PrivateFormat.OpenSSH,
    "openssl": serialization.PrivateFormat.TraditionalOpenSSL,
    "pkcs8": serialization.PrivateFormat.PKCS8,
}
_ED25519 = ed25519.Ed25519PrivateKey.generate()
_RSA = rsa.generate_private_key(65537, 2048)
_ECDSA = ec.generate_private_key(ec.SECP256R1())


def _text(key: Any, form: str = "openssh", passphrase: str | None = None) -> str:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    text: bytes = key.private_bytes(_PEM, _FORMATS[form], encryption)
    return text.decode()


def _public_blob(key: Any) -> bytes:
    line: bytes = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return base64.b64decode(line.split()[1])


GOOD = _text(_ED25519)
ENCRYPTED_OLD_STYLE = _text(_RSA, "openssl", "open sesame")


@pytest.mark.parametrize(
    ("key", "form"),
    [
        (_ED25519, "openssh"),
        (_ED25519, "pkcs8"),
        (_RSA, "openssh"),
        (_RSA, "openssl"),
        (_RSA, "pkcs8"),
        (_ECDSA, "openssh"),
        (_ECDSA, "openssl"),
        (_ECDSA, "pkcs8"),
    ],
)
@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_every_key_type_and_format_is_read(key: Any, form: str, passphrase: str | None) -> None:
    identity = private_keys.load(_text(key, form, passphrase), passphrase, "DEPLOY_SSH_KEY")

    assert identity.public_blob == _public_blob(key)
    signature = paramiko.Message(identity.key.sign_ssh_data(b"data").asbytes())
    public = paramiko.PKey.from_type_string(identity.key.get_name(), identity.public_blob)
    assert public.verify_ssh_sig(b"data", signature)


BROKEN_FORMS: dict[str, Callable[[str], str]] = {
    "literal backslash n": lambda text: text.replace("\n", "\\n"),
    "literal backslash r and n": lambda text: text.replace("\n", "\\r\\n"),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "lone CR": lambda text: text.replace("\n", "\r"),
    "on one line, with spaces": lambda text: text.replace("\n", " "),
    "without any line break": lambda text: text.replace("\n", ""),
    "indented": lambda text: text.replace("\n", "\n    "),
    "indented with tabs": lambda text: "\t" + text.replace("\n", "\n\t"),
    "trailing blanks": lambda text: text.replace("\n", "  \n"),
    "no last newline": lambda text: text.rstrip("\n"),
    "blank lines around": lambda text: f"\n\n{text}\n\n",
    "blank lines between": lambda text: text.replace("\n", "\n\n"),
    "double quotes": lambda text: f'"{text}"',
    "single quotes": lambda text: f"'{text.strip()}'\n",
    "quotes and literal newlines": lambda text: '"' + text.replace("\n", "\\n") + '"',
    "byte order mark": lambda text: "\ufeff" + text,
    "zero width space": lambda text: "\u200b" + text + "\u200b",
    "long dashes": lambda text: text.replace("-----", "\u2014\u2014-"),
    "text around it": lambda text: f"my deploy key:\n{text}\nkeep it safe",
    "base64 of the whole": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 on one line": lambda text: base64.b64encode(text.encode()).decode(),
    "as it is": lambda text: text,
}


@pytest.mark.parametrize("form", BROKEN_FORMS)
def test_a_pasted_key_is_repaired(form: str) -> None:
    identity = private_keys.load(BROKEN_FORMS[form](GOOD), None, "DEPLOY_SSH_KEY")

    assert identity.public_blob == _public_blob(_ED25519)


@pytest.mark.parametrize("form", BROKEN_FORMS)
def test_a_pasted_key_in_openssls_encrypted_format_is_repaired(form: str) -> None:
    identity = private_keys.load(
        BROKEN_FORMS[form](ENCRYPTED_OLD_STYLE), "open sesame", "DEPLOY_SSH_KEY"
    )

    assert identity.public_blob == _public_blob(_RSA)


def test_a_key_made_by_ssh_keygen_is_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)

    identity = private_keys.load(path.read_text(), None, "key")

    printed = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True).stdout
    assert str(identity).split()[1] == printed.decode().split()[1]


def test_a_passphrase_for_a_key_that_needs_none_is_ignored() -> None:
    assert private_keys.load(GOOD, "unneeded", "DEPLOY_SSH_KEY").public_blob == _public_blob(
        _ED25519
    )


def _refusal(text: str, passphrase: str | None = None) -> HostError:
    with pytest.raises(HostError) as caught:
        private_keys.load(text, passphrase, "DEPLOY_SSH_KEY")
    assert caught.value.code == "key-unusable"
    assert "DEPLOY_SSH_KEY" in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("", "is empty", "whole text"),
        (" \n ", "is empty", "whole text"),
        ('""', "is empty", "whole text"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB me@laptop", "PUBLIC key", "without .pub"),
        ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----", "PUBLIC", "without .pub"),
        ("-----BEGIN CERTIFICATE-----\nMCow\n-----END CERTIFICATE-----", "certificate", ".pub"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", "PuTTY", "puttygen"),
        ("~/.ssh/id_ed25519", "holds a path", "identity_file"),
        ("/home/me/.ssh/id_ed25519", "holds a path", "identity_file"),
        ("hunter2", "is not a private key", "whole private key file"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "is cut off", "whole file"),
        (GOOD[:200], "is cut off", "whole file"),
        (GOOD.replace("AAAA", "A***", 1), "is damaged", "again"),
        (GOOD.replace("\n", "", 1).replace("b3Blbn", "b3BlAA"), "damaged", "again"),
        (GOOD[:100] + GOOD[170:], "damaged", "again"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----",
            "is damaged",
            "again",
        ),
    ],
)
def test_what_is_no_private_key_is_named(text: str, said: str, remedy: str) -> None:
    error = _refusal(text)

    assert said in error.message
    assert remedy in error.hint


@pytest.mark.parametrize("form", _FORMATS)
def test_a_missing_or_wrong_passphrase_is_named(form: str) -> None:
    text = _text(_RSA, form, "open sesame")
    missing, wrong = _refusal(text), _refusal(text, "close sesame")

    assert isinstance(missing, private_keys.PassphraseNeededError)
    assert "encrypted and no passphrase" in missing.message
    assert "passphrase does not open it" in wrong.message


@pytest.mark.parametrize(
    "key", [ed448.Ed448PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())]
)
def test_a_key_type_that_ssh_does_not_have_is_refused(key: Any) -> None:
    assert "not supported" in _refusal(_text(key, "pkcs8")).message


def test_no_error_shows_a_part_of_the_key_or_the_passphrase() -> None:
    body = GOOD.splitlines()[1:-1]
    damaged = [GOOD[:200], GOOD[:100] + GOOD[170:], GOOD.replace("AAAA", "A*AA", 1), body[0]]
    for text in [*damaged, _text(_RSA, "pkcs8", "open sesame")]:
        error = _refusal(text, "close sesame")
        shown = "".join(traceback.format_exception(error)) + repr(error) + error.hint
        assert "close sesame" not in shown
        assert not any(line[:20] in shown for line in text.splitlines() if "BEGIN" not in line)


def test_an_identity_shows_type_fingerprint_and_source_only() -> None:
    identity = private_keys.load(GOOD, None, "DEPLOY_SSH_KEY")

    shown = f"{identity} {identity!r}"

    assert "ssh-ed25519 SHA256:" in shown
    assert "(DEPLOY_SSH_KEY)" in shown
    assert not any(line in shown for line in GOOD.splitlines())

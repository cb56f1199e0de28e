"""Host keys that must never be accepted: the files that RevokedHostKeys names."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import HostError
from deployctl.ssh.revocations import Revocations, read_revocations


def _key(directory: Path, name: str) -> tuple[str, str, bytes]:
    """Make a key; return its line, its type and the key in wire format."""
    path = directory / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    line = path.with_name(f"{name}.pub").read_text()
    return line, line.split()[0], base64.b64decode(line.split()[1])


def test_a_key_in_the_text_is_revoked_with_its_line(tmp_path: Path) -> None:
    (line, key_type, blob), (_, _, other) = _key(tmp_path, "a"), _key(tmp_path, "b")
    path = tmp_path / "revoked"
    path.write_text(f"# comment\n\nnonsense\n  {line}ssh-rsa !!!\n{line}")

    read = read_revocations(path)

    assert read.revoking(key_type, blob) == f"{path}:4"
    assert read.revoking(key_type, other) == ""


def test_a_key_in_a_binary_list_is_revoked(tmp_path: Path) -> None:
    (line, key_type, blob), (_, _, other) = _key(tmp_path, "a"), _key(tmp_path, "b")
    assert line
    path = tmp_path / "a list"
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", path, tmp_path / "a.pub"], check=True)

    read = read_revocations(path)

    assert read.is_list
    assert read.revoking(key_type, blob) == str(path)
    assert read.revoking(key_type, other) == ""


def _refusal(read: Revocations) -> HostError:
    with pytest.raises(HostError) as caught:
        read.revoking("ssh-ed25519", b"key")
    assert caught.value.code == "revoked-keys-unreadable"
    assert "RevokedHostKeys" in caught.value.hint
    return caught.value


def test_a_damaged_list_refuses_every_key_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"SSHKRL\n\0" + b"\xff" * 40)

    assert "it is damaged" in _refusal(read_revocations(path)).message


def test_a_list_without_ssh_keygen_refuses_every_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"SSHKRL\n\0")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "ssh-keygen cannot be asked" in _refusal(read_revocations(path)).message


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(HostError) as caught:
        read_revocations(tmp_path / name)
    assert caught.value.code == "revoked-keys-unreadable"


@given(content=st.binary())
def test_no_content_makes_the_reader_fail(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "revoked"
    path.write_bytes(content)
    assert read_revocations(path).path == path

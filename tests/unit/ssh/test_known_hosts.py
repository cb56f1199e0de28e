"""Which keys the known_hosts files have for a host."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha1
from typing import TYPE_CHECKING

import pytest

from deployctl.ssh.known_hosts import known_keys
from tests.unit.ssh.key_samples import ED25519, ED25519_TEXT, OTHER_TEXT

if TYPE_CHECKING:
    from pathlib import Path


def _hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def _known(tmp_path: Path, text: str, host: str = "vps.example", port: int = 22) -> list[bytes]:
    path = tmp_path / "known_hosts"
    path.write_text(text)
    return [key.blob for key in known_keys([path], host, port) if not key.revoked]


@pytest.mark.parametrize(
    "names",
    [
        "vps.example",
        "VPS.Example",
        "other,vps.example",
        "vps.example,203.0.113.7",
        "*.example",
        "vps.exampl?",
        "*,!other.example",
        _hashed("vps.example"),
    ],
)
def test_a_line_is_found_by_its_host_field(tmp_path: Path, names: str) -> None:
    assert _known(tmp_path, f"{names} ssh-ed25519 {ED25519_TEXT} comment\n") == [ED25519]


@pytest.mark.parametrize(
    "names",
    [
        "other.example",
        "*.example,!vps.example",
        "[vps.example]:2222",
        _hashed("other.example"),
        "|1|garbage|garbage",
        "|1|",
        "[v]ps.example",
    ],
)
def test_a_line_for_another_host_is_not(tmp_path: Path, names: str) -> None:
    assert _known(tmp_path, f"{names} ssh-ed25519 {ED25519_TEXT}\n") == []


@pytest.mark.parametrize("names", ["[vps.example]:2222", _hashed("[vps.example]:2222"), "[*]:2222"])
def test_a_port_other_than_22_is_part_of_the_name(tmp_path: Path, names: str) -> None:
    assert _known(tmp_path, f"{names} ssh-ed25519 {ED25519_TEXT}\n", port=2222) == [ED25519]


def test_the_entry_with_the_port_wins_over_the_bare_name(tmp_path: Path) -> None:
    text = f"vps.example ssh-ed25519 {OTHER_TEXT}\n[vps.example]:2222 ssh-ed25519 {ED25519_TEXT}\n"
    assert _known(tmp_path, text, port=2222) == [ED25519]


def test_the_bare_name_counts_if_no_entry_has_the_port(tmp_path: Path) -> None:
    assert _known(tmp_path, f"vps.example ssh-ed25519 {ED25519_TEXT}\n", port=2222) == [ED25519]


def test_bad_lines_do_not_hide_the_good_one(tmp_path: Path) -> None:
    text = f"""
# a comment
vps.example
vps.example ssh-ed25519
vps.example ssh-ed25519 not!base64
vps.example ssh-ed25519 AAA
@cert-authority *.example ssh-ed25519 {OTHER_TEXT}
@unknown-marker vps.example ssh-ed25519 {OTHER_TEXT}
@revoked
\x00\xff binary
  vps.example   ssh-ed25519   {ED25519_TEXT}
"""
    path = tmp_path / "known_hosts"
    path.write_bytes(text.encode("latin-1"))

    assert [key.blob for key in known_keys([path], "vps.example", 22)] == [ED25519]


def test_a_certificate_authority_is_no_host_key(tmp_path: Path) -> None:
    assert _known(tmp_path, f"@cert-authority * ssh-ed25519 {ED25519_TEXT}\n") == []


def test_files_that_cannot_be_read_are_skipped(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_text(f"vps.example ssh-ed25519 {ED25519_TEXT}\n")

    found = known_keys([tmp_path / "missing", tmp_path, good], "vps.example", 22)

    assert [key.source for key in found] == [f"{good}:1"]


def test_the_old_key_of_another_port_is_removed_under_the_name_it_was_found(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"[vps.example]:2222 ssh-ed25519 {ED25519_TEXT}\n")

    (known,) = known_keys([path], "vps.example", 2222)

    assert known.removal == f"ssh-keygen -f {path} -R '[vps.example]:2222'"

"""Secrets: never in the file, never shown."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.unit.inventory.documents import (
    KEY,
    document,
    environment_error,
    host,
    mistake,
    mistakes,
    read,
)


def test_the_variables_that_secrets_come_from_are_known_whether_set_or_not() -> None:
    secret = {"ssh_key": {"env": "KEY"}, "passphrase": {"env": "WORD", "optional": True}}
    login = {"server": "r", "username": {"env": "NAME"}, "password": {"env": "TOKEN"}}
    found = read(document(host=secret, service={"registry": login}))

    assert found.secret_variables == {"KEY", "WORD", "TOKEN"}
    assert read(document()).secret_variables == frozenset()


@pytest.mark.parametrize("key", ["ssh_key", "passphrase"])
@pytest.mark.parametrize("value", [KEY, "hunter2", 12345678, ["hunter2"], True])
def test_a_secret_in_the_file_is_refused_and_not_repeated(key: str, value: Any) -> None:
    found = mistake(document(host={key: value}))
    assert found == f'hosts.vps.{key}: a secret does not belong in a file: write {{ env = "NAME" }}'


def test_a_default_for_a_secret_is_a_secret_in_the_file() -> None:
    found = mistake(document(host={"passphrase": {"env": "P", "default": "hunter2"}}))
    assert "does not belong in a file" in found
    assert "hunter2" not in found


def test_a_secret_in_the_place_of_its_variables_name_is_not_repeated() -> None:
    found = mistake(document(host={"passphrase": {"env": "my hunter2"}}))
    assert found.startswith("hosts.vps.passphrase.env: it is not a variable's name")


@pytest.mark.parametrize("key", ["user", "identity_file", "host_key", "address", KEY])
def test_a_private_key_is_never_shown_wherever_it_was_pasted(key: str) -> None:
    assert "c2VjcmV0" not in "".join(mistakes(document(host={key: KEY})))


def test_a_secret_is_not_in_what_a_traceback_would_print() -> None:
    known = host({"K": KEY, "P": "hunter2"}, ssh_key={"env": "K"}, passphrase={"env": "P"})
    assert known.passphrase == "hunter2"
    assert "hunter2" not in repr(known)
    assert "c2VjcmV0" not in repr(known)


@pytest.mark.parametrize("key", [KEY, KEY.strip(), KEY.replace("\n", "\r\n"), f"\n{KEY}\n\n"])
def test_a_private_key_is_put_right_however_it_was_stored(key: str) -> None:
    known = host({"K": key}, ssh_key={"env": "K"})
    assert (known.private_key, known.private_key_source) == (KEY, "K")


@pytest.mark.parametrize(
    "key",
    [
        KEY.replace("\n", " "),
        KEY.replace("\n", "\\n"),
        f'"{KEY}"',
        base64.b64encode(KEY.encode()).decode(),
    ],
)
def test_a_private_key_that_ssh_can_mend_is_accepted(key: str) -> None:
    assert host({"K": key}, ssh_key={"env": "K"}).private_key == f"{key.strip()}\n"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ssh-ed25519 AAAA me", "K is a public key: the private one is needed"),
        ("bm90IGEga2V5", "K is not a private key"),
        *(
            (path, "K holds the path of a file, not the text of a key: write identity_file")
            for path in (
                "/home/kim/.ssh/id_ed25519",
                "~/.ssh/id_ed25519",
                "./deploy.key",
                ".ssh/deploy",
                "id_rsa",
                "keys/deploy.pem",
                "/home/kim/my keys/x",
            )
        ),
    ],
)
def test_what_is_no_private_key_is_explained_without_showing_it(key: str, expected: str) -> None:
    error = environment_error({"ssh_key": {"env": "K"}}, {"K": key})
    assert error.code == "environment-invalid"
    assert error.message.startswith(expected)
    assert key not in error.message

"""The file itself: where it is, its size, its encoding, its syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployctl.errors import UsageError
from deployctl.inventory import load, parse
from deployctl.inventory.parser import LARGEST_FILE
from tests.unit.inventory.documents import ENVIRONMENT, FULL_EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "inventory.toml"
    path.write_text("\ufeff" + FULL_EXAMPLE, encoding="utf-8")
    assert load(path, ENVIRONMENT).path == str(path)


def test_a_missing_file_is_answered_with_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "no\x1b.toml", {})
    assert caught.value.code == "inventory-missing"
    assert "no\\x1b.toml" in caught.value.message
    for help_ in ("inventory.example.toml", "README", "-i FILE", "DEPLOYCTL_INVENTORY"):
        assert help_ in caught.value.hint


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a = 1\n\xff", "is not UTF-8: line 2 has the byte 0xff"),
        (b"#" * (LARGEST_FILE + 1), f"is larger than {LARGEST_FILE} bytes"),
    ],
)
def test_a_file_that_is_no_inventory_is_refused(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "inventory.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(path, {})
    assert caught.value.code == "inventory-unreadable"
    assert expected in caught.value.message


@pytest.mark.parametrize("name", [".", "a\0b"])
def test_what_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^cannot read ") as caught:
        load(tmp_path / name, {})
    assert caught.value.code == "inventory-unreadable"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[hosts.vps]\naddress = vps\n", "at line 2, column 11"),
        ("a = " + "[" * 100_000, "it is nested too deeply"),
        ("a = " + "1" * 10_000, "a number has too many digits"),
        ("a = 1\na = 2\n", "at line 2, column 6"),
    ],
)
def test_a_syntax_error_is_reported_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, {}, path="inventory.toml")
    assert caught.value.code == "inventory-syntax"
    assert caught.value.message.startswith("inventory.toml is not valid TOML: ")
    assert expected in caught.value.message

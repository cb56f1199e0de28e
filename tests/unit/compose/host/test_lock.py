"""Who holds the lock, whatever the host says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.host.lock import read_holder, read_stranger
from deployctl.compose.lock import Stranger


@pytest.mark.parametrize("data", [b"", b"7", b"7 mallory", b"x y z", b"-7 a b", b"\xff\n\n"])
def test_a_stranger_that_cannot_be_read_is_one_that_cannot_be_seen(data: bytes) -> None:
    assert read_stranger(data) == Stranger()


@given(st.binary(max_size=80))
def test_a_stranger_is_shown_without_control_characters(data: bytes) -> None:
    assert read_stranger(b"7 " + data).text.isprintable()
    assert read_stranger(b"7 mallory " + data).text.isprintable()


@pytest.mark.parametrize("data", [b"", b"x", b"[]", b"[" * 100_000, b"\xff"])
def test_a_holder_that_cannot_be_read_is_somebody(data: bytes) -> None:
    assert read_holder(data).text == "another deployctl run"

"""The lines that the scripts print: what they have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.host.wire import decode, free_kib
from deployctl.compose.script_output import ScriptOutput
from tests.unit.compose.host.printed import with_host_errors_only


@given(st.text() | st.none() | st.integers())
def test_what_is_not_base64_is_an_error_of_the_host(value: object) -> None:
    with_host_errors_only(decode, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ("Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/sda 9 4 5 44% /", 5),
        ("", None),
        ("/dev/sda 9 4", None),
        ("/dev/sda 9 4 x 44% /", None),
        ("/dev/sda 9 4 " + "9" * 5000, None),
    ],
)
def test_the_free_space_is_the_fourth_column(said: str, free: int | None) -> None:
    assert free_kib(ScriptOutput(said.encode(), 0)) == free

"""The command that sets a hold, and what its script answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.host.hold import hold_command, read_answer
from deployctl.errors import HostError, UsageError
from deployctl.release.hold import checked_reason
from deployctl.release.origin import Origin
from tests.unit.build import SERVICE


@given(st.text(max_size=250), st.text(max_size=50))
def test_any_reason_is_refused_or_travels_as_one_line_of_json(reason: str, by: str) -> None:
    try:
        checked = checked_reason(reason)
    except UsageError:
        return
    fields = hold_command(SERVICE, Origin(by, "terminal"), checked).argv[7]

    assert fields.isascii()
    assert "\n" not in fields
    assert json.loads("{" + fields + "}") == {"by": by, "reason": checked}


@pytest.mark.parametrize("output", [b"", b"Welcome!\n", b"[]\n", b'{"outcome":"x"}\n', b"{"])
def test_an_answer_that_the_script_does_not_print_is_an_error_of_the_host(output: bytes) -> None:
    with pytest.raises(HostError) as garbled:
        read_answer(output)

    assert garbled.value.code == "host-garbled"

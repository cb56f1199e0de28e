"""What a failed connection is called."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import EXIT_UNREACHABLE
from deployctl.ssh.endpoint import Endpoint
from deployctl.ssh.failures import dial_error, printable
from deployctl.ssh.transport import exit_status_of_signal

ENDPOINT = Endpoint("vps", "2001:db8::7", 2222)


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name-unknown"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "name-unknown"),
        (UnicodeError("label too long"), "name-unknown"),
        (TimeoutError("timed out"), "connect-timeout"),
        (_os_error(errno.ETIMEDOUT), "connect-timeout"),
        (_os_error(errno.ECONNREFUSED), "connection-refused"),
        (_os_error(errno.EHOSTUNREACH), "no-route"),
        (_os_error(errno.ENETUNREACH), "no-route"),
        (_os_error(errno.EACCES), "connect-failed"),
        (OSError(), "connect-failed"),
    ],
)
def test_every_failure_has_a_code_a_place_and_a_hint(error: Exception, code: str) -> None:
    failure = dial_error(ENDPOINT, error, 10)

    assert failure.code == code
    assert failure.exit_status == EXIT_UNREACHABLE
    assert "vps ([2001:db8::7]:2222)" in failure.message
    assert failure.hint


@given(st.text() | st.binary(), st.integers(1, 300))
def test_remote_text_becomes_one_short_printable_line(text: str | bytes, limit: int) -> None:
    shown = printable(text, limit)

    assert len(shown) <= limit
    assert shown.isprintable()


def test_control_characters_are_gone() -> None:
    assert (
        printable(b"\x1b]0;evil\x07\x1b[31mred\r\nnext\xe2\x80\xae\xff")
        == "]0;evil [31mred next \ufffd"
    )


@pytest.mark.parametrize(("name", "status"), [("KILL", 137), ("TERM", 143), ("\x1b[31m", 255)])
def test_a_signals_name_becomes_a_status(name: str, status: int) -> None:
    assert exit_status_of_signal(name) == status

"""The secrets that deployctl was given are taken out wherever they stand."""

from __future__ import annotations

import base64

import pytest

from deployctl.render.secrets.known import exactly

HEX = "0123456789abcdef"
WORD = "Zm9vYmFyQmF6UXV4MTIzNDU2Nzg5MA"


@pytest.mark.parametrize(
    "encoded",
    [
        "p@ss/wörd+1",
        "p%40ss%2Fw%C3%B6rd%2B1",
        "p%40ss/w%C3%B6rd%2B1",
        "p@ss/w\\u00f6rd+1",
        base64.b64encode("bot:p@ss/wörd+1".encode()).decode(),
    ],
)
def test_a_known_secret_is_taken_out_wherever_and_however_it_stands(encoded: str) -> None:
    without = exactly(["p@ss/wörd+1", "bot:p@ss/wörd+1"])

    assert without(f"said <{encoded.rstrip('=')}> twice") == "said <***> twice"


def test_of_a_known_key_each_line_is_taken_out() -> None:
    key = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{WORD}\n{HEX}\n-----END OPENSSH PRIVATE KEY-----\n"

    without = exactly([key])

    assert without(f"a {WORD} b {HEX}") == "a *** b ***"
    assert without("-----BEGIN OPENSSH PRIVATE KEY-----") == "-----BEGIN OPENSSH PRIVATE KEY-----"


def test_a_short_known_secret_is_only_taken_out_as_a_word() -> None:
    without = exactly(["deploy", "x", ""])

    assert without("deployctl x: deploy failed") == "deployctl x: *** failed"

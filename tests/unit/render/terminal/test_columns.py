"""Texts keep to the columns of a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.harmless import safe
from deployctl.render.terminal.columns import columns, cut, pad
from tests.unit.render.samples import hostile


def test_columns_count_what_a_terminal_shows() -> None:
    assert columns("abc") == 3
    assert columns("漢字") == 4
    assert columns("e\u0301") == 1


@given(hostile, st.integers(min_value=0, max_value=60))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert columns(cut(safe(text, limit=200), width)) <= width


def test_a_cut_text_says_so() -> None:
    assert cut("enforcer-backend", 8) == "enforce…"
    assert cut("漢字漢字", 6) == "漢字…"
    assert cut("fits", 4) == "fits"


def test_padding_counts_columns() -> None:
    assert pad("漢", 4) == "漢  "
    assert pad("1", 3, right=True) == "  1"

"""Text has no meaning to Markdown, in a cell, a code span or a fence."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.github.markdown import code, escape, fence
from tests.unit.render.samples import hostile


@given(hostile | st.text("|`*_[]()<>!&#\\~:@. ab\n", max_size=40))
def test_text_has_no_meaning_to_markdown(text: str) -> None:
    shown = escape(text)

    assert not re.search(r"[|`*_\[\]<>!\\~:@\n]|&(?!#\d+;)|#(?!\d+;)", shown)


@given(st.text("|`a b\\<&\n", max_size=30))
def test_code_stays_in_its_cell(text: str) -> None:
    shown = code(text)

    assert "|" not in shown
    assert "\n" not in shown
    inner = shown.strip("`") if shown.startswith("`") else shown
    assert "`" not in inner


@given(st.lists(st.text("`~ab ", max_size=12), max_size=6))
def test_no_log_breaks_out_of_its_fence(lines: list[str]) -> None:
    first, *inside, last, end = fence(lines).split("\n")

    bar = first.removesuffix("text")
    assert set(bar) == {"`"}
    assert (inside, last, end) == (lines, bar, "")
    # A closing fence is at least as long as the opening one, and nothing else is on its line.
    assert not any(re.fullmatch(rf" *`{{{len(bar)},}} *", line) for line in inside)

"""Lines keep to a width, and words stay whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.harmless import safe
from deployctl.render.terminal.columns import columns
from deployctl.render.terminal.page import BOLD, DIM
from deployctl.render.terminal.wrapping import fold
from tests.unit.render.samples import hostile

if TYPE_CHECKING:
    from deployctl.render.terminal.wrapping import Piece

DIGEST = "sha256:" + "4f" * 32


def folded(*pieces: Piece, width: int, indent: int = 0) -> list[str]:
    return [texts(line) for line in fold(pieces, width, indent)]


def texts(pieces: list[Piece]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)


def test_a_line_breaks_between_words_and_goes_on_under_its_text() -> None:
    error = "sha-1a2b3c4 on vps failed, and sha-0f9e8d7 was put back by itself"
    assert folded("state: ", error, width=40, indent=7) == [
        "state: sha-1a2b3c4 on vps failed, and",
        "       sha-0f9e8d7 was put back by",
        "       itself",
    ]


def test_what_fits_is_left_as_it_is() -> None:
    assert folded("  two  blanks ", width=14) == ["  two  blanks "]


def test_characters_of_two_columns_count_as_two() -> None:
    assert folded("漢字 漢字", width=8) == ["漢字", "漢字"]
    assert folded("漢字 漢字", width=9) == ["漢字 漢字"]


def test_a_word_that_fits_further_left_goes_there_whole() -> None:
    assert folded("  digest       ", DIGEST, width=80, indent=15) == ["  digest", f"    {DIGEST}"]


def test_a_word_longer_than_any_line_stays_whole() -> None:
    assert folded("  | ", DIGEST, " is it", width=40, indent=4) == [f"  | {DIGEST}", "    is it"]
    assert folded("what runs is ", DIGEST, width=40, indent=2) == [f"what runs is {DIGEST}"]


def test_the_indentation_of_a_log_line_is_kept() -> None:
    assert folded("  | ", "    at main (app.js:1)", width=20, indent=4)[0] == "  |     at main"


def test_styles_follow_their_words_over_the_break() -> None:
    lines = list(fold([("now: ", BOLD), ("one two", DIM), " three"], 9, 5))
    assert [[piece for piece in line if piece != ""] for line in lines] == [
        [("now: ", BOLD), ("one", DIM)],
        ["    ", ("two", DIM)],
        ["    ", (" three".strip(), "")],
    ]


@given(
    st.lists(st.tuples(hostile, st.just(DIM)), max_size=4), st.integers(20, 200), st.integers(0, 20)
)
def test_no_line_is_too_long_but_for_a_word_and_nothing_is_lost(
    pieces: list[tuple[str, str]], width: int, indent: int
) -> None:
    clean: list[Piece] = [(safe(text, limit=200), style) for text, style in pieces]
    lines = [texts(line) for line in fold(clean, width, indent)]

    for line in lines:
        assert columns(line) <= width or len(line.split(" ")) - line.count(" ") <= 2
    assert "".join(lines).replace(" ", "") == texts(clean).replace(" ", "")

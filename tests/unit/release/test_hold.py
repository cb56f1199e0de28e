"""The reason of a hold."""

from __future__ import annotations

import pytest

from deployctl.errors import UsageError
from deployctl.release.hold import checked_reason


@pytest.mark.parametrize(
    "text", ["audit", "  ask kim: 12 %  ", "ä 日本 'quoted' \"too\"", "x" * 200]
)
def test_a_reason_is_taken_as_it_is_but_for_the_space_around_it(text: str) -> None:
    assert checked_reason(text) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "   ", "x" * 201, "a\nb", "a\x1b[2Jb", "a\0b", "a\u202eb", "a\u2028b", "a\ud800b"]
)
def test_a_reason_that_is_empty_long_or_not_to_be_shown_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked_reason(text)

    assert refused.value.code == "reason-invalid"
    assert refused.value.message.isprintable()

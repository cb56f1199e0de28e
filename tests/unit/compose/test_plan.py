"""What a plan is known by."""

from __future__ import annotations

import pytest

from deployctl.compose.plan import new_run_id
from deployctl.model import is_run_id
from tests.unit.build import NOW


def test_run_ids_sort_by_time_and_are_made_once() -> None:
    one, other = new_run_id(NOW), new_run_id(NOW)

    assert one.startswith("20251123t120000z-")
    assert one != other
    assert is_run_id(one)


@pytest.mark.parametrize("text", ["", "..", "../../etc", "a b", "$(id)", "-rf-----", "x" * 65])
def test_what_names_no_run_is_no_run_id(text: str) -> None:
    assert not is_run_id(text)

"""Cases that add little for the time they take: `make test-all` runs them, `make test` does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def thorough(*values: object, name: str | None = None) -> ParameterSet:
    """Return a case of `pytest.mark.parametrize` that is left to `make test-all`."""
    return pytest.param(*values, marks=pytest.mark.thorough, id=name)

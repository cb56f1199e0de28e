"""A step of a workflow for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.render.github.step import Step


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path)

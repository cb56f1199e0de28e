"""Where a command line is typed."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own, and an environment that is no workflow's."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "DEPLOYCTL_INVENTORY", "DEPLOYCTL_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path

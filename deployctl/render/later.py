"""A module that is imported when something of it is used for the first time."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module until then. Type checkers get the module itself, see `output`.

    Args:
        name: of the module, in full.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)

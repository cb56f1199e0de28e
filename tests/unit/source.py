"""The errors that deployctl's source makes, found in the source itself."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import deployctl
from deployctl.errors import DeployctlError

SOURCES = sorted(Path(*deployctl.__path__).rglob("*.py"))


@cache
def error_classes() -> set[str]:
    """DeployctlError and what is derived from it, wherever it is defined; and NoTarget."""
    for module in pkgutil.walk_packages(deployctl.__path__, "deployctl."):
        if module.name != "deployctl.__main__":
            import_module(module.name)
    found: list[type] = [DeployctlError]
    for each in found:
        found += each.__subclasses__()
    return {"NoTarget", *(each.__name__ for each in found)}


def error_calls(tree: ast.AST, classes: set[str]) -> Iterator[ast.Call]:
    """Where one of these is made."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in classes:
            yield node

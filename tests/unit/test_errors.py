"""Every error says what to do next: looked for in the source, so that none is forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployctl.render.hint import Hint
from tests.unit.source import SOURCES, error_calls, error_classes


def errors_without_hint(source: str) -> list[int]:
    """The lines on which an error is made that has no hint, or may have an empty one."""
    tree = ast.parse(source)
    return sorted(
        call.lineno
        for function in _scopes(tree)
        for call in error_calls(function, error_classes())
        if call in _calls_of(function) and _may_be_empty(_hint(call), function)
    )


def _scopes(tree: ast.Module) -> list[ast.AST]:
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [tree, *functions]


def _calls_of(scope: ast.AST) -> set[ast.AST]:
    """What stands in a scope, without the functions in it."""
    return set(_own(scope))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own(child)


def _hint(call: ast.Call) -> ast.expr | None:
    if isinstance(call.func, ast.Name) and call.func.id == "NoTarget" and len(call.args) > 2:
        return call.args[2]
    return next((word.value for word in call.keywords if word.arg == "hint"), None)


def _may_be_empty(hint: ast.expr | None, scope: ast.AST) -> bool:
    if hint is None:
        return True
    if isinstance(hint, ast.Constant):
        return not hint.value
    if isinstance(hint, ast.IfExp):
        return _may_be_empty(hint.body, scope) or _may_be_empty(hint.orelse, scope)
    if isinstance(hint, ast.Name):
        return any(_may_be_empty(value, scope) for value in _assigned(hint.id, scope))
    return False  # put together from words, or that of another error


def _assigned(name: str, scope: ast.AST) -> Iterator[ast.expr]:
    for node in _own(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _assigned_by(target, node.value, name)


def _assigned_by(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr]:
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=True):
            yield from _assigned_by(each, part, name)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_error_says_what_to_do_next(path: Path) -> None:
    assert errors_without_hint(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("raise UsageError('usage', 'no')", True),
        ("raise UsageError('usage', 'no', hint='')", True),
        ("raise UsageError('usage', 'no', hint='x' if y else '')", True),
        ("hint = ''; yield HostError('usage', 'no', hint=hint)", True),
        ("x, hint = 1, '' if y else 'z'; raise HostError('usage', 'no', hint=hint)", True),
        ("raise NoTarget('no-success', 'no')", True),
        ("raise NoTarget('no-success', 'no', '')", True),
        ("raise PassphraseNeededError('key-unusable', 'no')", True),
        ("raise NoTarget('no-success', 'no', 'type this')", False),
        ("raise UsageError('usage', 'no', hint='type this')", False),
        ("hint = 'x' if y else 'z'; raise HostError('usage', 'no', hint=hint)", False),
        ("raise ValueError('no')", False),
    ],
)
def test_an_error_without_one_would_be_found(statement: str, found: bool) -> None:
    source = f"def outer():\n  def inner():\n    {statement}\n"

    assert errors_without_hint(source) == ([3] if found else [])


# ---------------------------------------------------------------- commands to copy


def commands_amid_prose(source: str) -> list[str]:
    """The lines of errors' hints in which a command is not alone."""
    calls = error_calls(ast.parse(source), error_classes())
    lines = [line for call in calls for text in _texts(_hint(call)) for line in text.split("\n")]
    told = [line for line in lines if re.search(_CALL, line)]
    return [line for line in told if Hint.of(line).commands != (line.strip(),)]


_CALL = "deployctl (deploy|rollback|abort|status|history|follow|check|hold|unhold|lint) "


def _texts(hint: ast.expr | None) -> Iterator[str]:
    """The texts that a hint can be, with VALUE where one is put in."""
    if isinstance(hint, ast.IfExp):
        yield from (*_texts(hint.body), *_texts(hint.orelse))
    elif isinstance(hint, ast.Constant):
        yield str(hint.value)
    elif isinstance(hint, ast.JoinedStr):
        parts = hint.values
        yield "".join(str(p.value) if isinstance(p, ast.Constant) else "VALUE" for p in parts)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_command_in_a_hint_has_a_line_of_its_own(path: Path) -> None:
    assert commands_amid_prose(path.read_text("utf-8")) == []


def test_a_command_amid_prose_is_found() -> None:
    source = 'raise UsageError("x", "y", hint=f"deployctl status {name}; then go on")'
    assert commands_amid_prose(source) == ["deployctl status VALUE; then go on"]
    assert commands_amid_prose(source.replace("; then go on", "")) == []

"""An expression as a tree, and what can be seen in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: bool | float | str | None


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a context: `github`, `needs`."""

    name: str


@dataclass(frozen=True, slots=True)
class Access:
    """`of.key` or `of[key]`."""

    of: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Filter:
    """`of.*`: the values of all keys."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And:
    """`a && b && …`: the first value that is false, else the last one."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """`a || b || …`: the first value that is true, else the last one."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`left == right`, and `!=`, `<`, `<=`, `>`, `>=`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Joined:
    """A text with expressions in it, `sha-${{ github.sha }}`: its pieces one behind the other."""

    pieces: tuple[Expression, ...]


Expression: TypeAlias = Literal | Name | Access | Filter | Call | Not | And | Or | Compare | Joined
Path: TypeAlias = tuple[str, ...]


def path(expression: Expression) -> Path | None:
    """Return a plain chain of names, `needs.x.outputs.y`, in small letters.

    None: it is something else, or has an index that is computed.
    """
    keys: list[str] = []
    while isinstance(expression, Access):
        if not isinstance(expression.key, Literal) or not isinstance(expression.key.value, str):
            return None
        keys.append(expression.key.value.lower())
        expression = expression.of
    if not isinstance(expression, Name):
        return None
    return (expression.name.lower(), *reversed(keys))


def walk(expression: Expression) -> Iterator[Expression]:
    """Return an expression and all that are in it."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def children(expression: Expression) -> tuple[Expression, ...]:
    """Return the expressions that an expression is made of."""
    match expression:
        case Access(of, key):
            return (of, key)
        case Filter(of):
            return (of,)
        case Call(_, arguments):
            return arguments
        case Not(operand):
            return (operand,)
        case And(operands) | Or(operands) | Joined(operands):
            return operands
        case Compare(_, left, right):
            return (left, right)
        case _:
            return ()


def calls(expression: Expression, functions: frozenset[str]) -> bool:
    """Whether one of the functions is called anywhere in it."""
    return any(isinstance(each, Call) and each.function in functions for each in walk(expression))

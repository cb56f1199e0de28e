"""GitHub's expressions, evaluated with what is known: a value, or that it is not known.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions: texts compare
without regard to case, values of different kinds as numbers.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, TypeAlias

from deployctl.lint.expressions.tree import (
    Access,
    And,
    Call,
    Compare,
    Expression,
    Filter,
    Joined,
    Literal,
    Name,
    Not,
    Or,
    Path,
    path,
)


class _Unknown(Enum):
    UNKNOWN = "unknown"


UNKNOWN = _Unknown.UNKNOWN
"""It may be anything."""

Plain: TypeAlias = "bool | float | str | tuple[str | bool, ...] | None"
Value: TypeAlias = "Plain | _Unknown"
Lookup: TypeAlias = Callable[[Path], Value]
"""The value of a chain of names; None: there is none, which GitHub takes for empty."""
Status: TypeAlias = Callable[[str], "bool | None"]
"""Whether `success`, `failure`, `cancelled` or `always` holds; None: it may."""

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
STATUS_FUNCTIONS = frozenset({"success", "failure", "cancelled", "always"})


class Evaluator:
    """Evaluates expressions against one state of the world."""

    def __init__(self, lookup: Lookup, status: Status) -> None:
        self._lookup = lookup
        self._status = status

    def truth(self, expression: Expression) -> bool | None:
        """Say whether an expression is true; None: it may be either."""
        match expression:
            case Not(operand):
                holds = self.truth(operand)
                return None if holds is None else not holds
            case And(operands):
                return all_of(self.truth(each) for each in operands)
            case Or(operands):
                inverse = all_of(_opposite(self.truth(each)) for each in operands)
                return _opposite(inverse)
            case Call(function, ()) if function in STATUS_FUNCTIONS:
                return self._status(function)
            case _:
                value = self.value(expression)
                return None if value is UNKNOWN else is_true(value)

    def value(self, expression: Expression) -> Value:
        """Return what an expression gives, or UNKNOWN."""
        match expression:
            case Literal(value):
                return value
            case Access() | Name():
                return self._named(expression)
            case And(operands) | Or(operands):
                return self._first(operands, until=isinstance(expression, Or))
            case Compare(sign, left, right):
                return compare(sign, self.value(left), self.value(right))
            case Call(function, arguments) if function not in STATUS_FUNCTIONS:
                return call(function, [self.value(each) for each in arguments])
            case Joined(pieces):
                values = [self.value(each) for each in pieces]
                return joined(values)
            case Filter():
                return UNKNOWN
            case _:
                holds = self.truth(expression)
                return UNKNOWN if holds is None else holds

    def _first(self, operands: tuple[Expression, ...], *, until: bool) -> Value:
        """Return the first value whose truth is `until`, else the last one."""
        for operand in operands[:-1]:
            holds = self.truth(operand)
            if holds is None:
                return UNKNOWN
            if holds is until:
                return self.value(operand)
        return self.value(operands[-1])

    def _named(self, expression: Expression) -> Value:
        names = path(expression)
        return UNKNOWN if names is None else self._lookup(names)


def all_of(truths: Iterable[bool | None]) -> bool | None:
    """Return whether all hold: False as soon as one does not, None where that is open."""
    result: bool | None = True
    for truth in truths:
        if truth is False:
            return False
        result = None if truth is None else result
    return result


def _opposite(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def is_true(value: Plain) -> bool:
    """Whether a value counts as true: not false, 0, empty or null."""
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return isinstance(value, tuple) or bool(value)


def compare(sign: str, left: Value, right: Value) -> Value:
    """Compare two values as GitHub does."""
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if isinstance(left, tuple) or isinstance(right, tuple):
        return UNKNOWN
    if isinstance(left, str) and isinstance(right, str):
        return _OPERATORS[sign](left.casefold(), right.casefold())
    return _OPERATORS[sign](_as_number(left), _as_number(right))


def _as_number(value: bool | float | str | None) -> float:
    if value is None or value == "":
        return 0.0
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return math.nan
    return float(value)


def as_text(value: Plain) -> str:
    """Return a value as GitHub writes it into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def joined(values: list[Value]) -> Value:
    """Return texts one behind the other; UNKNOWN if one is not known, but never an empty one."""
    known = [as_text(value) for value in values if value is not UNKNOWN]
    return "".join(known) if len(known) == len(values) else UNKNOWN


def call(function: str, arguments: list[Value]) -> Value:
    """Return what a function gives; UNKNOWN for those that look at the repository."""
    if any(argument is UNKNOWN for argument in arguments):
        return UNKNOWN
    known = [argument for argument in arguments if argument is not UNKNOWN]
    match function, known:
        case "contains", [tuple() as items, needle]:
            return any(compare("==", item, needle) is True for item in items)
        case "contains", [text, needle]:
            return as_text(needle).casefold() in as_text(text).casefold()
        case "startswith", [text, needle]:
            return as_text(text).casefold().startswith(as_text(needle).casefold())
        case "endswith", [text, needle]:
            return as_text(text).casefold().endswith(as_text(needle).casefold())
        case "format", [template, *values]:
            return _formatted(as_text(template), values)
        case "fromjson", [str() as text]:
            return _from_json(text)
        case _:
            return UNKNOWN


def _formatted(template: str, values: list[Plain]) -> Value:
    for index, value in enumerate(values):
        template = template.replace(f"{{{index}}}", as_text(value))
    return template


def _from_json(text: str) -> Value:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return UNKNOWN
    if isinstance(value, list):
        return tuple(value) if all(isinstance(item, (str, bool)) for item in value) else UNKNOWN
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**53 else UNKNOWN
    return value if isinstance(value, (str, bool, float)) or value is None else UNKNOWN

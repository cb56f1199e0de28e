"""Text → tree, by recursive descent.

The grammar is that of
https://docs.github.com/en/actions/reference/workflows-and-actions/expressions; names and
functions are the same in capital and small letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from deployctl.lint.expressions.tree import (
    Access,
    And,
    Call,
    Compare,
    Expression,
    Filter,
    Literal,
    Name,
    Not,
    Or,
    children,
)

_DEEPEST = 50
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>[-+]?(?:0x[0-9a-fA-F]+|0o[0-7]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<operator>==|!=|<=|>=|&&|\|\||[<>!().,*]|\[|\])"
)
_KEYWORDS: dict[str, bool | float | None] = {
    "true": True,
    "false": False,
    "null": None,
    "nan": float("nan"),
    "infinity": float("inf"),
}


class ExpressionError(Exception):
    """A text that is no expression; the message says why."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Read an expression, without the `${{ }}` around it.

    Raises:
        ExpressionError: the text is none.
    """
    found = _Parser(text).whole()
    # The parser bounds brackets; long chains of operators make a tree deep as well.
    level: list[Expression] = [found]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in children(each)]
    if level:
        raise ExpressionError("nested too deeply")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def whole(self) -> Expression:
        if not self._tokens:
            raise ExpressionError("an expression is missing")
        found = self._or()
        if self._next < len(self._tokens):
            raise ExpressionError(f"unexpected {self._tokens[self._next][1]!a}")
        return found

    # Loosest first: each level reads operands of the next tighter one.

    def _or(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError("nested too deeply")
        operands = [self._and()]
        while self._take("||"):
            operands.append(self._and())
        self._depth -= 1
        return Or(tuple(operands)) if len(operands) > 1 else operands[0]

    def _and(self) -> Expression:
        operands = [self._equality()]
        while self._take("&&"):
            operands.append(self._equality())
        return And(tuple(operands)) if len(operands) > 1 else operands[0]

    def _equality(self) -> Expression:
        found = self._relation()
        while operator := self._take("==", "!="):
            found = Compare(operator, found, self._relation())
        return found

    def _relation(self) -> Expression:
        found = self._negation()
        while operator := self._take("<", "<=", ">", ">="):
            found = Compare(operator, found, self._negation())
        return found

    def _negation(self) -> Expression:
        count = 0
        while self._take("!"):
            count += 1
        found = self._access()
        for _ in range(count):
            found = Not(found)
        return found

    def _access(self) -> Expression:
        found = self._primary()
        while opening := self._take(".", "["):
            if self._take("*"):
                found = Filter(found)
            else:
                key = Literal(self._key()) if opening == "." else self._or()
                found = Access(found, key)
            if opening == "[":
                self._expect("]")
        return found

    def _primary(self) -> Expression:
        if self._take("("):
            found = self._or()
            self._expect(")")
            return found
        kind, text = self._advance()
        if kind == "text":
            return Literal(text[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal(_number(text))
        if kind == "name":
            return self._named(text)
        raise ExpressionError(f"unexpected {text!a}")

    def _named(self, name: str) -> Expression:
        if self._take("("):
            return Call(name.lower(), tuple(self._arguments()))
        if name.lower() in _KEYWORDS:
            return Literal(_KEYWORDS[name.lower()])
        return Name(name)

    def _arguments(self) -> Iterator[Expression]:
        if self._take(")"):
            return
        yield self._or()
        while not self._take(")"):
            self._expect(",")
            yield self._or()

    def _key(self) -> str:
        kind, text = self._advance()
        if kind != "name":
            raise ExpressionError(f"a name belongs behind the dot, not {text!a}")
        return text

    def _take(self, *operators: str) -> str:
        """Step over one of the operators; empty: another token comes."""
        if self._next < len(self._tokens) and self._tokens[self._next][0] == "operator":
            operator = self._tokens[self._next][1]
            if operator in operators:
                self._next += 1
                return operator
        return ""

    def _expect(self, operator: str) -> None:
        if not self._take(operator):
            raise ExpressionError(f"{operator!a} is missing")

    def _advance(self) -> tuple[str, str]:
        if self._next == len(self._tokens):
            raise ExpressionError("it ends too early")
        self._next += 1
        return self._tokens[self._next - 1]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"unexpected {text[position : position + 10]!a}")
        position = match.end()
        if match.lastgroup and match.lastgroup != "space":
            yield match.lastgroup, match[0]


def _number(text: str) -> float:
    plain = text.lstrip("+-").lower()
    base = {"0x": 16, "0o": 8}.get(plain[:2])
    value = float(int(plain[2:], base)) if base else float(plain)
    return -value if text.startswith("-") else value

"""The answers of a host, taken apart, changed in one place and put together again. Pure.

A script prints a JSON object in each line; what commands said stands in it as base64, and is again
text, words or JSON. A place in it is a path like ("fact", "containers", 0, "output", 0, "id").
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
_ENCODED = frozenset({"output", "text", "holder", "before", "now"})
"""Fields that are base64, if they can be read as it."""


@dataclass
class Text:
    """What stood in base64: its lines, each JSON, words or both."""

    lines: list[Any]


@dataclass
class Words:
    """A line of text, in words."""

    words: list[Any]


def taken_apart(answer: bytes) -> list[Any]:
    """Return the lines of an answer as values."""
    return [_opened(json.loads(line)) for line in answer.splitlines()]


def put_together(lines: Sequence[Any]) -> bytes:
    """Return the same as a host would print it."""
    return b"".join(_json(_closed(line)) + b"\n" for line in lines)


def places(lines: Sequence[Any]) -> Iterator[Path]:
    """Return every place in an answer; the first two are the number and the name of its line."""
    for number, line in enumerate(lines):
        for inner in _places(line):
            yield (number, name_of(line), *inner)


def name_of(line: Any) -> str:
    """Return the fact, event or outcome that a line tells."""
    return str(next((line[key] for key in ("fact", "event", "outcome") if key in line), ""))


def changed(lines: Sequence[Any], place: Path, value: Any) -> list[Any]:
    """Return an answer in which something else stands at one place."""
    copied = copy.deepcopy(list(lines))
    number, _, *way, last = place
    inside: Any = copied[int(number)]
    for step in way:
        inside = _inner(inside)[step]
    if isinstance(last, str) and last.startswith(_KEY):
        table, name = _inner(inside), last.removeprefix(_KEY)
        items = [(value if key == name else key, item) for key, item in table.items()]
        table.clear()
        table.update(items)
    else:
        _inner(inside)[last] = value
    return copied


_KEY = "the key "


def is_key(place: Path) -> bool:
    """Whether a place is the name of a field and not its value."""
    return isinstance(place[-1], str) and place[-1].startswith(_KEY)


def told(lines: Sequence[Any], name: str, **fields: Any) -> list[Any]:
    """Return an answer in which these fields of one fact or event say something else.

    A field is looked for in the line and in all that stands in it; one that is nowhere is added
    to the innermost values.
    """
    copied = copy.deepcopy(list(lines))
    for line in copied:
        if name_of(line) == name:
            for field, value in fields.items():
                _set_all(line, field, value)
    return copied


def renamed(value: Any, old: str, new: str) -> Any:
    """Return a value in which every text that is `old` is `new`."""
    if isinstance(value, (Text, Words)):
        return type(value)([renamed(item, old, new) for item in _inner(value)])
    if isinstance(value, dict):
        return {key: renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, old, new) for item in value]
    return new if value == old else value


def _set_all(inside: Any, field: str, value: Any) -> None:
    found = [inside] if isinstance(inside, dict) else []
    while found:
        table = found.pop()
        inner = [d for item in table.values() for d in _tables(item)]
        if field in table or not inner:
            table[field] = value
        found += inner


def _tables(item: Any) -> Iterator[dict[str, Any]]:
    if isinstance(item, dict):
        yield item
    elif isinstance(item, (list, Text)):
        for each in _inner(item):
            yield from _tables(each)


def _inner(inside: Any) -> Any:
    if isinstance(inside, Text):
        return inside.lines
    return inside.words if isinstance(inside, Words) else inside


def _places(inside: Any) -> Iterator[Path]:
    table = _inner(inside)
    steps = table.keys() if isinstance(table, dict) else range(len(table))
    for step in list(steps):
        yield (step,)
        if isinstance(table, dict):
            yield (f"{_KEY}{step}",)
        if isinstance(table[step], (dict, list, Text, Words)):
            yield from ((step, *inner) for inner in _places(table[step]))


def _opened(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    opened = {}
    for key, item in value.items():
        data = _base64(item) if key in _ENCODED else None
        opened[key] = _opened(item) if data is None else _text(data)
    return opened


def _base64(item: Any) -> bytes | None:
    if not isinstance(item, str):
        return None
    try:
        return base64.b64decode(item, validate=True)
    except (binascii.Error, ValueError):
        return None


def _text(data: bytes) -> Text:
    return Text([_line(line) for line in data.decode(errors="surrogateescape").split("\n")])


def _line(line: str) -> Any:
    try:
        value = json.loads(line)
    except ValueError:
        return Words(line.split(" ")) if " " in line else line
    return value if isinstance(value, (dict, list)) else line


def _closed(value: Any) -> Any:
    if isinstance(value, Text):
        return base64.b64encode(b"\n".join(map(_bytes, value.lines))).decode()
    if isinstance(value, dict):
        return {key: _closed(item) for key, item in value.items()}
    return value


def _bytes(line: Any) -> bytes:
    if isinstance(line, Words):
        return b" ".join(map(_bytes, line.words))
    if isinstance(line, str):
        return line.encode("utf-8", "surrogateescape" if _is_escaped(line) else "surrogatepass")
    return _json(line)


def _is_escaped(line: str) -> bool:
    return all(not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff" for c in line)


def _json(value: Any) -> bytes:
    """As compact as the scripts print it: the history's readers look at how a line begins."""
    return json.dumps(value, separators=(",", ":")).encode()

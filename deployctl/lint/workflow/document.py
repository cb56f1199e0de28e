"""YAML text → nodes that know where they are written.

PyYAML composes the nodes; here they get bounds. GitHub has its own reading of YAML, which this
follows: a key is its text (so `on` is not `true`), aliases are copies, a key is written once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from deployctl.lint.findings import Place

MOST_BYTES = 512 * 1024
_MOST_NODES = 100_000
_DEEPEST = 60


class DocumentError(Exception):
    """A file that cannot be understood, and where."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number, true, false or null, as it is written.

    Attributes:
        value: the text; of a block, with its line ends.
        place: where it begins; of a block, the line of its `|`.
        style: `""` plain, `'` or `"` quoted, `|` or `>` a block.
    """

    value: str
    place: Place
    style: str

    @property
    def is_null(self) -> bool:
        """Whether nothing was written."""
        return not self.style and self.value in {"", "~", "null", "Null", "NULL"}

    def place_of(self, offset: int) -> Place:
        """Return where the character at an offset is written; exact for `|` blocks."""
        if self.style != "|":
            return self.place
        line = self.place.line + 1 + self.value.count("\n", 0, offset)
        return Place(self.place.file, line, 1)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; keys are texts, in their order."""

    entries: dict[str, tuple[Scalar, Node]]
    place: Place

    def get(self, key: str) -> Node | None:
        """Return the value of a key, None where it is not written."""
        entry = self.entries.get(key)
        return entry[1] if entry else None

    def __iter__(self) -> Iterator[tuple[Scalar, Node]]:
        return iter(self.entries.values())


Node: TypeAlias = Scalar | Sequence | Mapping


def parse(data: bytes, file: str) -> Node:
    """Read one YAML document.

    Raises:
        DocumentError: it is none, or larger, deeper or more often repeated than any workflow.
    """
    start = Place(file, 1, 1)
    if len(data) > MOST_BYTES:
        raise DocumentError(start, f"larger than {MOST_BYTES // 1024} KiB")
    root = _compose(_decode(data, start), start)
    if root is None:
        raise DocumentError(start, "the file is empty")
    return _Reader(file).read(root, 0)


def _decode(data: bytes, start: Place) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(Place(start.file, line, 1), "not UTF-8") from None


def _compose(text: str, start: Place) -> yaml.Node | None:
    try:
        # The Python loader, not the C one: a file that is nested too deeply must end in an
        # exception, not in an overflow of the process's stack.
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise DocumentError(start, "nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(start.file, mark.line + 1, mark.column + 1) if mark else start
        raise DocumentError(place, f"no valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DocumentError(start, f"no valid YAML: {reason}") from None
    return root


class _Reader:
    """Turns PyYAML's nodes into ours, and counts them: an alias is read again each time."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._left = _MOST_NODES

    def read(self, node: yaml.Node, depth: int) -> Node:
        place = self._place(node)
        self._left -= 1
        if depth > _DEEPEST:
            raise DocumentError(place, "nested too deeply, or an alias leads back to itself")
        if self._left < 0:
            raise DocumentError(place, f"with its aliases, it has more than {_MOST_NODES} values")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.read(item, depth + 1) for item in node.value), place)
        return self._mapping(node, place, depth)

    def _mapping(self, node: yaml.Node, place: Place, depth: int) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key_node, value in node.value:
            key_place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise DocumentError(key_place, "a key must be a text")
            key = self._scalar(key_node)
            if key.value in entries:
                first = entries[key.value][0].place.line
                raise DocumentError(key_place, f"{key.value!a} is written twice (line {first})")
            entries[key.value] = (key, self.read(value, depth + 1))
        return Mapping(entries, place)

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        return Scalar(node.value, self._place(node), node.style or "")

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

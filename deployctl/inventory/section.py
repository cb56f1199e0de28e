"""Reading a TOML document value by value, and noting every mistake instead of stopping at one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from deployctl.inventory.text import did_you_mean, key_path, kind_of, shown

KeyPath = tuple[str | int, ...]
T = TypeVar("T")
D = TypeVar("D")
Check = Callable[[str], T]
"""Returns what a string stands for, or raises ValueError with a reason said of that string."""
Reader = Callable[[object], T]
"""Returns what a TOML value stands for, or raises WrongValueError."""


class Mistake(NamedTuple):
    """One mistake: where, and what is wrong there."""

    path: KeyPath
    reason: str

    def __str__(self) -> str:
        return f"{key_path(self.path)}: {self.reason}"


class WrongValueError(Exception):
    """A value that cannot be read. Paths are relative to it: empty for the value itself."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__()
        self.mistakes = mistakes


def wrong(reason: str) -> WrongValueError:
    """Return the error for one thing that is wrong with a value as a whole."""
    return WrongValueError(Mistake((), reason))


class Section:
    """One table of the document: hands out read values and notes what is wrong with them.

    Where a value is missing or wrong, the caller gets a stand-in and goes on, so that one pass
    finds everything; whoever started the pass looks at `mistakes` before using any result.
    """

    def __init__(self, table: Mapping[str, object], path: KeyPath, mistakes: list[Mistake]) -> None:
        self.path = path
        self._table = table
        self._mistakes = mistakes
        self._asked: list[str] = []

    @property
    def name(self) -> str:
        """The key that it is under."""
        return str(self.path[-1])

    def note(self, reason: str, *keys: str | int) -> None:
        """Note a mistake in this table, or at a path inside it."""
        self._mistakes.append(Mistake((*self.path, *keys), reason))

    def has(self, key: str) -> bool:
        """Whether the key is written."""
        return key in self._table

    def take(self, key: str, read: Reader[T], stand_in: D) -> T | D:
        """Return what `read` makes of a key's value; the stand-in if it is missing or wrong."""
        self._asked.append(key)
        if key not in self._table:
            return stand_in
        try:
            return read(self._table[key])
        except WrongValueError as error:
            for mistake in error.mistakes:
                self.note(mistake.reason, key, *mistake.path)
            return stand_in

    def need(self, key: str, read: Reader[T], stand_in: D) -> T | D:
        """Do as `take`, but note it when the key is missing."""
        if key not in self._table:
            self.note("is missing", key)
        return self.take(key, read, stand_in)

    def section(self, key: str) -> Section:
        """Return the table under a key, an empty one if it is missing or something else."""
        return Section(self.take(key, table, {}), (*self.path, key), self._mistakes)

    def sections(self, check_name: Check[str]) -> dict[str, Section]:
        """Return all tables in this one, by name; notes unusable names and what is no table."""
        found = {}
        for name in self._table:
            try:
                check_name(name)
            except ValueError as refusal:
                self.note(f"{shown(name)} {refusal}", name)
            found[name] = self.section(name)
        return found

    def refuse_both(self, one: str, other: str) -> None:
        """Note it when two keys that exclude each other are both written."""
        if self.has(one) and self.has(other):
            self.note(f"`{one}` and `{other}` exclude each other: keep one")

    def refuse_rest(self, elsewhere: Mapping[str, str] | None = None) -> None:
        """Note every key that nobody asked for; `elsewhere` says where some of them belong."""
        for key in self._table:
            if key in self._asked:
                continue
            guess = (elsewhere or {}).get(key) or did_you_mean(key, self._asked).lstrip()
            self.note("unknown key" + (f" {guess}" if guess else ""), key)


def table(value: object) -> dict[str, object]:
    """Read a table."""
    if not isinstance(value, dict):
        raise wrong(f"expected a table, got {kind_of(value)}")
    return value


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise wrong(f"expected true or false, got {kind_of(value)}")
    return value


def whole_number(low: int, high: int) -> Reader[int]:
    """Return a reader of integers from `low` to `high`."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            kind = "a fraction" if isinstance(value, float) else kind_of(value)
            raise wrong(f"expected a whole number, got {kind}")
        if not low <= value <= high:
            raise wrong(f"expected a whole number from {low} to {high}")
        return value

    return read


def text(check: Check[T], expected: str = "a string", *, show: bool = True) -> Reader[T]:
    """Return a reader of strings that `check` accepts; without `show`, messages omit them."""

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise wrong(f"expected {expected}, got {kind_of(value)}")
        try:
            return check(value)
        except ValueError as refusal:
            raise wrong(f"{shown(value) if show else 'it'} {refusal}") from None

    return read


def span(check: Check[float]) -> Reader[float]:
    """Return a reader of durations, which tells what to write instead of a plain number."""
    expected = 'a duration such as "60s"'
    read_text = text(check, expected)

    def read(value: object) -> float:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9:
            raise wrong(f'expected {expected}, got a number: write "{value}s"')
        return read_text(value)

    return read


def sequence(read_item: Reader[str], same: Callable[[str], str] = str) -> Reader[tuple[str, ...]]:
    """Return a reader of lists that are not empty and name nothing twice.

    Args:
        read_item: reads each element.
        same: maps an element to what makes two of them the same thing.
    """

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise wrong(f"expected a list, got {kind_of(value)}")
        if not value:
            raise wrong("is an empty list")
        items: dict[int, str] = {}
        mistakes: list[Mistake] = []
        for index, element in enumerate(value):
            try:
                items[index] = read_item(element)
            except WrongValueError as error:
                mistakes += [Mistake((index, *it.path), it.reason) for it in error.mistakes]
        mistakes += _repetitions(items, same)
        if mistakes:
            raise WrongValueError(*sorted(mistakes, key=lambda mistake: mistake.path[:1]))
        return tuple(items.values())

    return read


def _repetitions(items: Mapping[int, str], same: Callable[[str], str]) -> list[Mistake]:
    first: dict[str, int] = {}
    return [
        Mistake((index,), f"{shown(item)} is listed twice (first as [{first[same(item)]}])")
        for index, item in items.items()
        if first.setdefault(same(item), index) != index
    ]

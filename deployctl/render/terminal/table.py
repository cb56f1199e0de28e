"""Tables without boxes: aligned columns that fit a terminal's width."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deployctl.render.terminal.columns import columns, cut, pad
from deployctl.render.terminal.page import DIM
from deployctl.render.units import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from deployctl.render.terminal.page import Page
    from deployctl.render.terminal.wrapping import Piece

    Cell: TypeAlias = tuple[str, str]
    """A harmless text, and its style."""

_LONGEST_CELL = 120
_GAP = "  "
_NARROWEST = 4


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: in the header.
        importance: the least important column goes first when a terminal is too narrow; of
            those that are never to go: 0.
        right: whether its texts stand at the right (numbers).
        name: whether its texts say what the row is about (a host): where a terminal has no room
            for them beside what must be seen, they stand above their row, whole.
    """

    title: str
    importance: int = 0
    right: bool = False
    name: bool = False


def cell(page: Page, text: str, style: str = "", *, limit: int = _LONGEST_CELL) -> Cell:
    """Return a cell with anything in it; where there is nothing, with a mark that says so."""
    return (page.show(text, limit=limit) or NOTHING, style)


class Table:
    """Rows of cells that are already harmless text.

    Args:
        page: where it goes.
        layout: the columns.
        rows: a cell for each column; a style may be given for each.
    """

    def __init__(
        self, page: Page, layout: Sequence[Column], rows: Sequence[Sequence[Cell]]
    ) -> None:
        self._page = page
        self._layout = layout
        self._rows = rows
        self._shown = list(range(len(layout)))
        self._above: list[int] = []
        self._widths = [
            max([columns(column.title), *(columns(row[index][0]) for row in rows)])
            for index, column in enumerate(layout)
        ]
        if page.width is not None:
            self._fit(page.width)

    def shows(self, title: str) -> bool:
        """Whether there was room for a column."""
        return any(self._layout[index].title == title for index in self._shown)

    def header(self) -> None:
        """Write the titles."""
        titles = [(column.title, DIM) for column in self._layout]
        self._write_names([titles[index] for index in self._above])
        self._write(dict(enumerate(titles)))

    def row(self, number: int) -> None:
        """Write one row, and above it the names that it does not share with the row before."""
        row = self._rows[number]
        names = [row[index] for index in self._above]
        before = [self._rows[number - 1][index] for index in self._above] if number else []
        while names and before and names[0] == before[0]:
            del names[0], before[0]
        self._write_names(names)
        self._write(dict(enumerate(row)))

    def _write_names(self, names: Sequence[Cell]) -> None:
        """On one line, if there is room; the terminal itself breaks one that is too long."""
        together = sum(columns(text) + len(_GAP) for text, _ in names) - len(_GAP)
        if self._page.width is not None and together > self._page.width:
            for name in names:
                self._page.text(name)
        elif names:
            self._page.line(*[piece for name in names for piece in (_GAP, name)][1:])

    def _write(self, cells: Mapping[int, Cell]) -> None:
        pieces: list[Piece] = [_GAP] if self._above else []
        for position, index in enumerate(self._shown):
            text, style = cells[index]
            text = cut(text, self._widths[index], self._page.ellipsis)
            filled = pad(text, self._widths[index], right=self._layout[index].right)
            if position == len(self._shown) - 1:
                filled = filled.rstrip()
            pieces += [_GAP if position else "", (filled, style)]
        self._page.line(*pieces)

    def _total(self) -> int:
        gaps = len(self._shown) - (0 if self._above else 1)
        return sum(self._widths[i] for i in self._shown) + len(_GAP) * gaps

    def _fit(self, width: int) -> None:
        self._drop_columns(width)
        if self._total() > width:
            self._move_names(width)
        self._narrow_columns(width)

    def _move_names(self, width: int) -> None:
        """Put the names above their rows; what was left out for them has room again."""
        self._above = [i for i in self._shown if self._layout[i].name]
        if self._above:
            everything = range(len(self._layout))
            self._shown = [i for i in everything if not self._layout[i].name]
            self._drop_columns(width)

    def _drop_columns(self, width: int) -> None:
        expendable = [i for i in self._shown if self._layout[i].importance]
        expendable.sort(key=lambda index: self._layout[index].importance)
        for index in expendable:
            if self._total() <= width:
                return
            self._shown.remove(index)

    def _narrow_columns(self, width: int) -> None:
        """Take from the widest column, one by one, what is still too much."""
        while self._total() > width:
            widest = max(self._shown, key=lambda index: self._widths[index])
            if self._widths[widest] <= _NARROWEST:
                self._shown.pop()  # a terminal of a few columns: better less than broken lines
            else:
                self._widths[widest] -= 1

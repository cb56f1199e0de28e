"""Tables without boxes: aligned columns that fit a terminal's width."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deployctl.render.terminal import DIM
from deployctl.render.text import columns, cut, pad

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deployctl.render.terminal import Page, Piece

_GAP = "  "
_NARROWEST = 4


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: in the header.
        importance: the least important column goes first when a terminal is too narrow; of
            those that are never to go: 0.
        right: whether its texts stand at the right (numbers).
    """

    title: str
    importance: int = 0
    right: bool = False


class Table:
    """Rows of cells that are already harmless text.

    Args:
        page: where it goes.
        layout: the columns.
        rows: a cell for each column; a style may be given for each.
    """

    def __init__(
        self, page: Page, layout: Sequence[Column], rows: Sequence[Sequence[tuple[str, str]]]
    ) -> None:
        self._page = page
        self._layout = layout
        self._rows = rows
        self._shown = list(range(len(layout)))
        self._widths = [
            max([columns(column.title), *(columns(row[index][0]) for row in rows)])
            for index, column in enumerate(layout)
        ]
        if page.width is not None:
            self._drop_columns(page.width)
            self._narrow_columns(page.width)

    def shows(self, title: str) -> bool:
        """Whether there was room for a column."""
        return any(self._layout[index].title == title for index in self._shown)

    def header(self) -> None:
        """Write the titles."""
        self._write({i: (self._layout[i].title, DIM) for i in self._shown})

    def row(self, number: int) -> None:
        """Write one row."""
        self._write(dict(enumerate(self._rows[number])))

    def _write(self, cells: Mapping[int, tuple[str, str]]) -> None:
        pieces: list[Piece] = []
        for position, index in enumerate(self._shown):
            text, style = cells[index]
            text = cut(text, self._widths[index], self._page.ellipsis)
            filled = pad(text, self._widths[index], right=self._layout[index].right)
            if position == len(self._shown) - 1:
                filled = filled.rstrip()
            pieces += [_GAP if position else "", (filled, style)]
        self._page.line(*pieces)

    def _total(self) -> int:
        return sum(self._widths[i] for i in self._shown) + len(_GAP) * (len(self._shown) - 1)

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

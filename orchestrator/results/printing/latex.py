"""A printout as LaTeX: `table` environments with the rules of booktabs, no wider than a page or a column."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from orchestrator.results.printing.latex_pages import (
    Piece,
    flushed,
    note_height,
    pages_of,
    parts_of,
    room_below,
    table_height,
)
from orchestrator.results.printing.latex_text import escaped, width_of, wrapped
from orchestrator.results.printing.names import heading, place, written
from orchestrator.results.printing.sheets import Cell, Number, Printout, Sheet, number_of

_COLUMN_WIDTH = 220.0  # points: a column of `article` with two columns on A4; on a letter page it has 229
_PAGE_WIDTH = 345.0  # `article` with one column
_NUMBER_EM, _SPREAD_EM = 8.5, 8.0  # points, at \footnotesize and \scriptsize
_NARROWEST_HEADER = 36.0  # points
_NARROWEST_NAMES = 90.0  # points: names of lines are broken before columns are folded
_WIDEST_NAMES = 0.5  # of the width of a table that is folded
_CONTINUED = r"\tablename~\thetable{} (continued)"


class Style(NamedTuple):
    """How wide tables may be (points), and the environment and the space between columns (points)."""

    environment: str
    width: float
    gap: float


_COMPACT = Style("table", _COLUMN_WIDTH, 3.0)
_FULL = Style("table*", _PAGE_WIDTH, 4.0)


def to_latex(printout: Printout, *, compact: bool = False, label: str | None = None, caption: str | None = None) -> str:
    """One environment for each sheet: `table` if it fits into a column of a page with two, else `table*`.

    A compact printout is always folded to fit into a column. `caption` is LaTeX, and replaces the one that says what
    the numbers are; several sheets have the labels `label-1`, `label-2` and so on. Many tables are in groups with
    `\\clearpage` between them (see `latex_pages.flushed`).
    """
    sheets = printout.sheets
    labels = [label] if len(sheets) == 1 else [label and f"{label}-{number}" for number in range(1, len(sheets) + 1)]
    tables = [_table(sheet, printout, compact, name, caption) for sheet, name in zip(sheets, labels, strict=True)]
    return "\n\n".join([r"% needs \usepackage{booktabs}", *flushed(tables)]) + "\n"


def _table(sheet: Sheet, printout: Printout, compact: bool, label: str | None, caption: str | None) -> list[str]:
    """A table in as many environments as it needs pages."""
    columns = [_Column.of(name, cells) for name, *cells in zip(sheet.header, *sheet.lines, strict=True)]
    style = _COMPACT if compact or _fits(columns, _COMPACT) else _FULL
    caption = caption or _caption(sheet, printout)
    room = room_below(caption, style.width)
    notes = [written(note) for note in (*sheet.remarks, *printout.notes)]
    pieces = [
        *_tabulars(columns, sheet.keys, style, room),
        *(Piece(rf"\par\smallskip\scriptsize {escaped(note)}", note_height(note, style.width)) for note in notes),
    ]
    first = [rf"\caption{{{caption}}}", *([rf"\label{{{label}}}"] if label else [])]
    pages = pages_of(pieces, room)
    heads = [first, *[[_CONTINUED]] * (len(pages) - 1)]
    return [_environment(head, page, style) for head, page in zip(heads, pages, strict=True)]


def _environment(head: Sequence[str], pieces: Sequence[Piece], style: Style) -> str:
    return "\n".join(
        [
            rf"\begin{{{style.environment}}}",
            r"\centering",
            *head,
            r"\par\smallskip\footnotesize",
            rf"\setlength{{\tabcolsep}}{{{style.gap:g}pt}}",
            *(piece.text for piece in pieces),
            rf"\end{{{style.environment}}}",
        ]
    )


class _Column(NamedTuple):
    """The escaped lines of a header, the numbers under it, and how wide they are, in points.

    The cells of a `broken` column are paragraphs of that width.
    """

    header: list[str]
    numbers: list[Number]
    width: float
    broken: bool = False

    @classmethod
    def of(cls, name: str, cells: Sequence[Cell]) -> _Column:
        numbers = [number_of(cell) for cell in cells]
        width = max((_number_width(number) for number in numbers), default=0.0)
        lines = _header(heading(name), width)
        width = max(width, *(width_of(line, _NUMBER_EM) for line in lines))
        return cls([escaped(line) for line in lines], numbers, width)

    def as_paragraphs(self, width: float) -> _Column:
        """The column with its cells broken to a smaller width."""
        return self._replace(width=width, broken=True)

    @property
    def cells(self) -> list[str]:
        """LaTeX."""
        before = r"\raggedright " if self.broken else ""
        return [before + _cell(number) for number in self.numbers]

    @property
    def heights(self) -> list[int]:
        """The number of text lines in each cell."""
        if not self.broken:
            return [1] * len(self.numbers)
        return [len(wrapped(_text(number), self.width, _NUMBER_EM)) for number in self.numbers]


def _tabulars(columns: Sequence[_Column], keys: int, style: Style, room: float) -> Iterator[Piece]:
    """The columns in blocks that fit, about as many in each, with the columns that name a line in all of them.

    A block that is higher than the room is in several parts.
    """
    names, numbers = _narrowed(columns[:keys], columns[keys:], style), columns[keys:]
    blocks = _blocks(names, numbers, style, len(numbers))
    blocks = _blocks(names, numbers, style, math.ceil(len(numbers) / len(blocks)))
    heights = [max(cells) for cells in zip(*(column.heights for column in names), strict=True)]
    for block in blocks:
        header = max(len(column.header) for column in (*names, *block))
        for part in parts_of(header, heights, room):
            yield Piece(_tabular(names, block, part), table_height(header, heights[part]))


def _blocks(names: Sequence[_Column], numbers: Sequence[_Column], style: Style, most: int) -> list[list[_Column]]:
    """Columns in blocks of at most so many, each with one column at least."""
    blocks: list[list[_Column]] = [[]]
    for column in numbers:
        if blocks[-1] and (len(blocks[-1]) == most or not _fits([*names, *blocks[-1], column], style)):
            blocks.append([])
        blocks[-1].append(column)
    return blocks


def _narrowed(names: Sequence[_Column], numbers: Sequence[_Column], style: Style) -> list[_Column]:
    """The columns that name a line; the widest is broken if that saves a fold, or if it takes up most of a block."""
    if _fits([*names, *numbers], style):
        return list(names)
    widest = max(names, key=lambda column: column.width)
    others = _total([column for column in (*names, *numbers) if column is not widest], style) + 2 * style.gap
    width = style.width - others
    if width < _NARROWEST_NAMES:
        width = _WIDEST_NAMES * style.width
    if width >= widest.width:
        return list(names)
    return [column.as_paragraphs(width) if column is widest else column for column in names]


def _tabular(names: Sequence[_Column], numbers: Sequence[_Column], part: slice) -> str:
    header = [_stacked(column.header, "l") for column in names] + [_stacked(column.header, "r") for column in numbers]
    kinds = "".join(f"p{{{column.width:.0f}pt}}" if column.broken else "l" for column in names)
    lines = zip(*(column.cells[part] for column in (*names, *numbers)), strict=True)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{@{{}}{kinds}{'r' * len(numbers)}@{{}}}}",
            r"\toprule",
            _line(header),
            r"\midrule",
            *map(_line, lines),
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\medskip",
        ]
    )


def _line(cells: Iterable[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _stacked(lines: Sequence[str], side: str) -> str:
    if len(lines) == 1:
        return lines[0]
    stack = r" \\ ".join(lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{stack}\end{{tabular}}"


def _caption(sheet: Sheet, printout: Printout) -> str:
    protocol = printout.protocol
    head = [f"{printout.heading} ({protocol[0]})"] if len(protocol) == 1 else [printout.heading, *protocol]
    title = [place(sheet.title)] if sheet.title else []
    has_best = any(number_of(cell).best for line in sheet.lines for cell in line)
    bold = [f"bold: {printout.bold}"] if printout.bold and has_best else []
    return " ".join(f"{escaped(_sentence(written(text)))}." for text in (*head, *title, *sheet.captions, *bold))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(number: Number) -> str:
    """A number as LaTeX: its spread is smaller, and the best of a column bold."""
    value = escaped(heading(number.value))
    shown = rf"\textbf{{{value}}}" if number.best else value
    if number.spread:
        shown += rf" {{\scriptsize {escaped(number.spread)}}}"
    rest = " ".join(escaped(text) for text in (number.remark, number.signs) if text)
    shown = f"{shown} {rest}" if rest else shown
    return "{}" + shown if shown.startswith(("[", "*")) else shown  # arguments of the end of the line before


def _number_width(number: Number) -> float:
    spread = width_of(f" {number.spread}", _SPREAD_EM) if number.spread else 0.0
    return width_of(_text(number._replace(spread="")), _NUMBER_EM) + spread


def _text(number: Number) -> str:
    return " ".join(filter(None, (heading(number.value), number.spread, number.remark, number.signs)))


def _fits(columns: Sequence[_Column], style: Style) -> bool:
    return _total(columns, style) <= style.width


def _total(columns: Sequence[_Column], style: Style) -> float:
    return sum(column.width for column in columns) + 2 * style.gap * (len(columns) - 1)


def _header(text: str, width: float) -> list[str]:
    """A header in lines that are not wider than the cells under it, or than its longest word."""
    width = max([width, _NARROWEST_HEADER, *(width_of(word, _NUMBER_EM) for word in text.split())])
    return wrapped(text, width, _NUMBER_EM)

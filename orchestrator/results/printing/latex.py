"""A printout as LaTeX: `table` environments with the rules of booktabs, no wider than a page or a column."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from orchestrator.results.printing.names import heading, place, written
from orchestrator.results.printing.sheets import Cell, Number, Printout, Sheet, number_of

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"{\char96}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "·": r"\textperiodcentered{}",
    "…": r"\dots{}",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
}
_SIGN = re.compile(r"(?<![\w.])([+-])(?=\d)")
_CODE = re.compile(r"`([^`]*)`")
_ACCENTED = re.compile("[À-ÅÇ-ÏÑ-ÖÙ-Ýà-åç-ïñ-öù-ýÿ]")  # what pdflatex has in its default encoding

_COLUMN_WIDTH = 230.0  # points: a column of a page with two
_PAGE_WIDTH = 390.0  # a page with one column
_NUMBER_EM, _SPREAD_EM = 8.5, 8.0  # points, at \footnotesize and \scriptsize
_NARROWEST_HEADER = 36.0  # points
_NARROWEST_NAMES = 90.0  # points: names of lines are broken before columns are folded
_WIDEST_NAMES = 0.5  # of the width of a table that is folded
_WIDTHS = (  # of characters, in ems of Computer Modern
    (re.compile(r"\d"), 0.50),
    (re.compile(r"[-+−×±=<>]"), 0.78),
    (re.compile(r"[\[\].,;:!|'ilj]"), 0.28),
    (re.compile(r"[() /tfI]"), 0.39),
    (re.compile(r"[A-Zmw%&]"), 0.80),
)
_OTHER_WIDTH = 0.53


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
    the numbers are; several sheets have the labels `label-1`, `label-2` and so on.
    """
    sheets = printout.sheets
    labels = [label] if len(sheets) == 1 else [label and f"{label}-{number}" for number in range(1, len(sheets) + 1)]
    tables = [_table(sheet, printout, compact, name, caption) for sheet, name in zip(sheets, labels, strict=True)]
    return "\n\n".join([r"% needs \usepackage{booktabs}", *tables]) + "\n"


def _table(sheet: Sheet, printout: Printout, compact: bool, label: str | None, caption: str | None) -> str:
    columns = [_Column.of(name, cells) for name, *cells in zip(sheet.header, *sheet.lines, strict=True)]
    style = _COMPACT if compact or _fits(columns, _COMPACT) else _FULL
    notes = [note for note in (*sheet.remarks, *printout.notes)]
    return "\n".join(
        [
            rf"\begin{{{style.environment}}}",
            r"\centering",
            rf"\caption{{{caption or _caption(sheet, printout)}}}",
            *([rf"\label{{{label}}}"] if label else []),
            r"\par\smallskip\footnotesize",
            rf"\setlength{{\tabcolsep}}{{{style.gap:g}pt}}",
            "\n\\par\\medskip\n".join(_tabulars(columns, sheet.keys, style)),
            *(rf"\par\smallskip\scriptsize {_escaped(written(note))}" for note in notes),
            rf"\end{{{style.environment}}}",
        ]
    )


class _Column(NamedTuple):
    """The escaped lines of a header, the escaped cells under it, and how wide they are, in points.

    The cells of a `broken` column are paragraphs of that width.
    """

    header: list[str]
    cells: list[str]
    width: float
    broken: bool = False

    @classmethod
    def of(cls, name: str, cells: Sequence[Cell]) -> _Column:
        numbers = [number_of(cell) for cell in cells]
        width = max((_number_width(number) for number in numbers), default=0.0)
        lines = _wrapped(heading(name), width)
        width = max(width, *(_width(line, _NUMBER_EM) for line in lines))
        return cls([_escaped(line) for line in lines], [_cell(number) for number in numbers], width)

    def as_paragraphs(self, width: float) -> _Column:
        """The column with its cells broken to a smaller width."""
        return _Column(self.header, [rf"\raggedright {cell}" for cell in self.cells], width, broken=True)


def _tabulars(columns: Sequence[_Column], keys: int, style: Style) -> Iterator[str]:
    """The columns in blocks that fit, about as many in each, with the columns that name a line in all of them."""
    names, numbers = _narrowed(columns[:keys], columns[keys:], style), columns[keys:]
    blocks = _blocks(names, numbers, style, len(numbers))
    blocks = _blocks(names, numbers, style, math.ceil(len(numbers) / len(blocks)))
    for block in blocks:
        yield _tabular(names, block)


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


def _tabular(names: Sequence[_Column], numbers: Sequence[_Column]) -> str:
    header = [_stacked(column.header, "l") for column in names] + [_stacked(column.header, "r") for column in numbers]
    kinds = "".join(f"p{{{column.width:.0f}pt}}" if column.broken else "l" for column in names)
    lines = zip(*(column.cells for column in (*names, *numbers)), strict=True)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{@{{}}{kinds}{'r' * len(numbers)}@{{}}}}",
            r"\toprule",
            _line(header),
            r"\midrule",
            *map(_line, lines),
            r"\bottomrule",
            r"\end{tabular}",
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
    return " ".join(f"{_escaped(_sentence(written(text)))}." for text in (*head, *title, *sheet.captions))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(number: Number) -> str:
    """A number as LaTeX: its spread is smaller, and the best of a column bold."""
    value = _escaped(heading(number.value))
    shown = rf"\textbf{{{value}}}" if number.best else value
    if number.spread:
        shown += rf" {{\scriptsize {_escaped(number.spread)}}}"
    rest = " ".join(_escaped(text) for text in (number.remark, number.signs) if text)
    shown = f"{shown} {rest}" if rest else shown
    return "{}" + shown if shown.startswith(("[", "*")) else shown  # arguments of the end of the line before


def _number_width(number: Number) -> float:
    rest = " ".join(filter(None, (heading(number.value), number.remark, number.signs)))
    spread = _width(f" {number.spread}", _SPREAD_EM) if number.spread else 0.0
    return _width(rest, _NUMBER_EM) + spread


def _fits(columns: Sequence[_Column], style: Style) -> bool:
    return _total(columns, style) <= style.width


def _total(columns: Sequence[_Column], style: Style) -> float:
    return sum(column.width for column in columns) + 2 * style.gap * (len(columns) - 1)


def _wrapped(text: str, width: float) -> list[str]:
    """A header in lines that are not wider than the cells under it, or than its longest word."""
    words = text.split()
    width = max([width, _NARROWEST_HEADER, *(_width(word, _NUMBER_EM) for word in words)])
    lines = words[:1] or [""]
    for word in words[1:]:
        if _width(f"{lines[-1]} {word}", _NUMBER_EM) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _width(text: str, em: float) -> float:
    """About how wide a text is, in points."""
    return em * sum(
        next((width for characters, width in _WIDTHS if characters.match(character)), _OTHER_WIDTH)
        for character in text
    )


def _escaped(text: str) -> str:
    """Text in which nothing has a meaning in LaTeX; the signs of numbers become minus signs."""
    pieces = _CODE.split(" ".join(text.split()))
    quoted = [_plain(piece) if index % 2 == 0 else rf"\texttt{{{_plain(piece)}}}" for index, piece in enumerate(pieces)]
    return _SIGN.sub(r"$\1$", "".join(quoted))


def _plain(text: str) -> str:
    return "".join(_SPECIAL.get(character) or _typeset(character) for character in text)


def _typeset(character: str) -> str:
    """A character, or its number if a plain LaTeX cannot typeset it."""
    if (character.isascii() and character.isprintable()) or _ACCENTED.match(character):
        return character
    return f"(U+{ord(character):04X})"

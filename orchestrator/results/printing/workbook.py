"""A printout and its rows as an Excel workbook, the same bytes for the same content."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.results.printing.sheets import Cell, Printout, Sheet, number_of
from workers.errors import InputError

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format

_MADE_AT = datetime(1980, 1, 1)  # a workbook says when it was made; these do not depend on it
_TEXT_ONLY = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
_MOST_ROWS = 2**20 - 1  # below the names
_WIDEST = 40  # characters


def to_xlsx(printout: Printout, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Two worksheets: `table` as printed, and `cells` with the rows in full precision under frozen names."""
    from xlsxwriter import Workbook

    data = io.BytesIO()
    with Workbook(data, _TEXT_ONLY) as workbook:
        workbook.set_properties({"created": _MADE_AT})
        bold = workbook.add_format({"bold": True})
        _write_printed(workbook, printout, bold)
        write_rows(workbook, columns, rows, bold)
    return data.getvalue()


def rows_to_xlsx(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """One worksheet, `cells`, with the rows. Raises InputError if they are too many for a worksheet."""
    from xlsxwriter import Workbook

    if len(rows) > _MOST_ROWS:
        raise InputError(
            f"a workbook can have at most {_MOST_ROWS:,} rows: {len(rows):,}", hint="write a `.parquet` or `.csv` file"
        )

    data = io.BytesIO()
    with Workbook(data, _TEXT_ONLY) as workbook:
        workbook.set_properties({"created": _MADE_AT})
        write_rows(workbook, columns, rows, workbook.add_format({"bold": True}))
    return data.getvalue()


def write_rows(workbook: Workbook, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], bold: Format) -> None:
    """Add the worksheet `cells`: typed values under names that stay in view and filter."""
    page = workbook.add_worksheet("cells")
    page.write_row(0, 0, columns, bold)
    for line, row in enumerate(rows, 1):
        for column, name in enumerate(columns):
            _write(page, line, column, row[name])
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, len(rows), len(columns) - 1)
    for column, name in enumerate(columns):
        widest = max([len(name) + 2, *(len(str(row[name])) for row in rows if isinstance(row[name], str))])
        page.set_column(column, column, min(_WIDEST, widest))


def _write_printed(workbook: Workbook, printout: Printout, bold: Format) -> None:
    page = workbook.add_worksheet("table")
    widths: dict[int, int] = {}
    for line, (cells, style) in enumerate(_lines(printout, bold)):
        for column, cell in enumerate(cells):
            page.write(line, column, _shown(cell), bold if number_of(cell).best else style)
            if len(cells) > 1:
                widths[column] = max(widths.get(column, 8), len(_text(cell)))
    for column, width in widths.items():
        page.set_column(column, column, min(_WIDEST, width + 2))


def _lines(printout: Printout, bold: Format) -> Iterator[tuple[Sequence[Cell], Format | None]]:
    """The lines of the printed worksheet with their formats."""
    yield (printout.heading,), bold
    for text in printout.protocol:
        yield (text,), None
    for sheet in printout.sheets:
        yield (), None
        yield from _sheet_lines(sheet, bold)
    yield (), None
    for text in printout.notes:
        yield (text,), None


def _sheet_lines(sheet: Sheet, bold: Format) -> Iterator[tuple[Sequence[Cell], Format | None]]:
    if sheet.title:
        yield (sheet.title,), bold
    for text in sheet.captions:
        yield (text,), None
    yield sheet.header, bold
    for line in sheet.lines:
        yield line, None
    for text in sheet.remarks:
        yield (text,), None


def _shown(cell: Cell) -> str | float:
    """A number alone as a number, anything else as text."""
    text = _text(cell)
    if isinstance(cell, str) or text != cell.value:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _text(cell: Cell) -> str:
    number = number_of(cell)
    return " ".join(filter(None, (number.value, number.spread, number.remark, number.signs)))


def _write(page: Any, line: int, column: int, value: Any) -> None:
    """A value of its type; null leaves the cell empty. Times are text, and so is what a workbook cannot count: nan."""
    if value is None:
        return
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        page.write(line, column, value)
    else:
        page.write_string(line, column, str(value))

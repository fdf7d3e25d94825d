"""A printout as text, Markdown and HTML, and rows as CSV and JSON; `latex` and `workbook` have the other formats.

Names that users choose are escaped in every markup, and the best number of a column is bold.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.results.printing.formulas import without_formula
from orchestrator.results.printing.sheets import Cell, Number, Printout, Sheet, number_of
from workers.html import escaped
from workers.text import printable

_GAP = "   "
_MARKDOWN_SPECIAL = re.compile(r"([\\`*<>|]|(?<!\w)_|_(?!\w)|(?<=\])\()")
_DECIMAL = re.compile(r"[-+]?\d+(\.\d+)?")

Escape = Callable[[str], str]


def to_text(printout: Printout, width: int | None = None) -> str:
    """Aligned plain text; columns that do not fit into `width` characters continue in further blocks."""
    blocks = ["\n".join([printout.heading, *printout.protocol])]
    for sheet in printout.sheets:
        blocks.append("\n".join([*_title(sheet), *sheet.captions]))
        blocks += _text_blocks(sheet, width)
        blocks.append("\n".join(sheet.remarks))
    if not printout.sheets:
        blocks.append("No cells")
    blocks.append("\n".join(printout.notes))
    return printable("\n\n".join(block for block in blocks if block), kept="\n")


def to_markdown(printout: Printout) -> str:
    """GitHub's tables, with a heading for each titled sheet."""
    blocks = _introduction(printout, _escape_markdown, "**{}**")
    for sheet in printout.sheets:
        blocks += [f"### {_escape_markdown(title)}" for title in _title(sheet)]
        blocks += map(_escape_markdown, sheet.captions)
        if sheet.lines:
            blocks.append(_markdown_grid(sheet))
        blocks += map(_escape_markdown, sheet.remarks)
    blocks += map(_escape_markdown, printout.notes)
    return "\n\n".join(blocks) + "\n"


def to_html(printout: Printout) -> str:
    """A fragment without styles or scripts."""
    blocks = [f"<p>{block}</p>" for block in _introduction(printout, escaped, "<strong>{}</strong>")]
    for sheet in printout.sheets:
        blocks.append(_html_table(sheet, printout))
        blocks += [f"<p>{escaped(remark)}</p>" for remark in sheet.remarks]
    blocks += [f"<p>{escaped(note)}</p>" for note in printout.notes]
    return "\n".join(blocks)


def to_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header; texts that a spreadsheet would run as formulas have an apostrophe in front."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: without_formula(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def to_json(settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """An object with the settings of a report, and its rows under `cells`."""
    return json.dumps({**settings, "cells": rows}, indent=1, ensure_ascii=False, allow_nan=False)


def _title(sheet: Sheet) -> list[str]:
    return [sheet.title] if sheet.title else []


def _introduction(printout: Printout, escape: Escape, bold: str) -> list[str]:
    """Heading and protocol; a protocol of one line follows the heading in parentheses."""
    heading = bold.format(escape(printout.heading))
    if len(printout.protocol) == 1:
        return [f"{heading} ({escape(printout.protocol[0])})"]
    return [heading, *map(escape, printout.protocol)]


def _text_blocks(sheet: Sheet, width: int | None) -> Iterator[str]:
    """The lines of a sheet as blocks of at most `width` characters, each with the columns that name a line."""
    if not sheet.lines:
        return
    columns = [_text_column(name, cells) for name, *cells in zip(sheet.header, *sheet.lines, strict=True)]
    keys, numbers = columns[: sheet.keys], columns[sheet.keys :]
    for part in _folded(numbers, None if width is None else width - _width(keys)):
        yield "\n".join(_GAP.join(line).rstrip() for line in zip(*keys, *part, strict=True))


def _folded(columns: Sequence[list[str]], width: int | None) -> list[list[list[str]]]:
    """Columns in parts of at most `width` characters, each with one column at least."""
    parts: list[list[list[str]]] = [[]]
    for column in columns:
        if parts[-1] and width is not None and _width([*parts[-1], column]) + len(_GAP) > width:
            parts.append([])
        parts[-1].append(column)
    return parts


def _width(columns: Sequence[list[str]]) -> int:
    """How many characters columns of equally long texts take next to each other."""
    return len(_GAP.join(texts[0] for texts in columns))


def _text_column(name: str, cells: Sequence[Cell]) -> list[str]:
    """A header and cells of equal length."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    lines = texts if len(texts) == len(cells) else _aligned([number_of(cell) for cell in cells])
    size = max(map(len, [name, *lines]))
    return [text.ljust(size) for text in (name, *lines)]


def _aligned(numbers: Sequence[Number]) -> list[str]:
    """Numbers as text: values to the right, what follows them to the left."""
    values, *rests = zip(*map(_parts, numbers), strict=True)
    values = _with_points_aligned(values)
    size = max(map(len, values))
    columns = [[value.rjust(size) for value in values]]
    for texts in rests:
        if size := max(map(len, texts)):
            columns.append([text.ljust(size) for text in texts])
    return [" ".join(line) for line in zip(*columns, strict=True)]


def _with_points_aligned(values: Sequence[str]) -> tuple[str, ...]:
    """Numbers with spaces for the decimals that others have; they differ where intervals differ in length."""
    tails = [len(value) - value.find(".") if "." in value else 0 for value in values]
    longest = max(tails)
    return tuple(
        value + " " * (longest - tail) if _DECIMAL.fullmatch(value) else value
        for value, tail in zip(values, tails, strict=True)
    )


def _parts(number: Number) -> tuple[str, ...]:
    return number.value, number.spread, number.remark, number.signs


def _escaped(sheet: Sheet, escape: Escape, bold: str) -> list[list[str]]:
    """Each line of a sheet as escaped texts, the value of a best number bold."""
    return [[_escaped_cell(number_of(cell), escape, bold) for cell in line] for line in sheet.lines]


def _escaped_cell(number: Number, escape: Escape, bold: str) -> str:
    value, *rest = map(escape, _parts(number))
    return " ".join(filter(None, [bold.format(value) if number.best else value, *rest]))


def _markdown_grid(sheet: Sheet) -> str:
    """The first column to the left and the others to the right."""
    header = [_escape_markdown(name) for name in sheet.header]
    rule = ["---", *["---:"] * (len(header) - 1)]
    rows = [header, rule, *_escaped(sheet, _escape_markdown, "**{}**")]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _html_table(sheet: Sheet, printout: Printout) -> str:
    caption = ". ".join([*_title(sheet), *sheet.captions]) or printout.heading
    header = "".join(f'<th scope="col">{escaped(name)}</th>' for name in sheet.header)
    lines = _escaped(sheet, escaped, "<strong>{}</strong>")
    rows = "\n".join(f"<tr>{_html_cells(line, sheet.keys)}</tr>" for line in lines)
    return (
        f"<table>\n<caption>{escaped(caption)}</caption>\n"
        f"<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _html_cells(line: Sequence[str], keys: int) -> str:
    names = [f'<th scope="row">{text}</th>' for text in line[:keys]]
    return "".join([*names, *(f"<td>{text}</td>" for text in line[keys:])])


def _escape_markdown(text: str) -> str:
    """Text in which nothing has a meaning in GitHub's Markdown."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", printable(text))

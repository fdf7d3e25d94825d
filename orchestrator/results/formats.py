"""A table as plain text, and as data (long rows, CSV, JSON)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.results.statistics import SECTION
from orchestrator.results.table import Section, Table
from orchestrator.results.wording import (
    caption,
    compression_labels,
    measure,
    notes,
    parts,
    protocol,
)

GAP = "   "


def to_text(table: Table, width: int | None = None) -> str:
    """Aligned plain text; columns that do not fit into `width` characters go into further blocks."""
    blocks = [f"{measure(table)}\n{protocol(table)}"]
    for section in table.sections:
        blocks.append(f"{section.title}\n{caption(section, table)}")
        blocks += _blocks(section, table, width)
    if not table.sections:
        blocks.append("No cells")
    blocks.append("\n".join(notes(table)))
    return "\n\n".join(block for block in blocks if block)


def long_rows(table: Table) -> list[dict[str, Any]]:
    """One row for each table cell; the dense networks first in their section, always as levels."""
    rows = []
    for section in table.sections:
        place = {name: getattr(section, name) for name in SECTION}
        shown = {"value": table.value, "unit": section.unit(table.value), "split": table.split}
        rows.append(
            place
            | {"technique": "dense", "compression": 1.0, "budget": None}
            | {"value": "accuracy", "unit": section.unit("accuracy"), "split": table.split}
            | asdict(section.dense)
            | {"best": False, "provisional": False, "mixed_parents": False, "same_run_as": None}
        )
        for technique in section.techniques:
            for compression in section.compressions:
                cell = section.cells.get((technique, compression))
                if cell is not None:
                    rows.append(
                        place
                        | {"technique": technique, "compression": compression, "budget": cell.budget}
                        | shown
                        | asdict(cell.summary)
                        | {"best": cell.best, "provisional": cell.provisional, "mixed_parents": cell.mixed_parents}
                        | {"same_run_as": "; ".join(dict.fromkeys(cell.same_run_as)) or None}
                    )
    return rows


def to_csv(table: Table) -> str:
    """The long rows with a header; empty where there is nothing."""
    return csv_text(_LONG_COLUMNS, long_rows(table))


def to_json(table: Table) -> str:
    """What the table shows, and its long rows under `cells`."""
    head = {name: getattr(table, name) for name in ("value", "unit", "statistic", "split", "budget")}
    return json_text(head, long_rows(table))


def csv_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_text(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """An object with what was asked and the rows, under `cells`."""
    return json.dumps({**head, "cells": rows}, indent=1, ensure_ascii=False, allow_nan=False)


_LONG_COLUMNS = (
    *SECTION,
    *("technique", "compression", "budget", "value", "unit", "split"),
    *("n", "n_expected", "median", "minimum", "maximum", "mean", "sd"),
    *("best", "provisional", "mixed_parents", "same_run_as"),
)


def _blocks(section: Section, table: Table, width: int | None) -> Iterator[str]:
    names = ["technique", *section.techniques]
    first = max(map(len, names))
    columns = [
        column(label, [parts(section.cells.get((name, compression)), section, table) for name in section.techniques])
        for label, compression in zip(compression_labels(section.compressions), section.compressions, strict=True)
    ]
    while columns:
        fitting, used = 1, first + len(GAP) + len(columns[0][0])
        while fitting < len(columns) and (width is None or used + len(GAP) + len(columns[fitting][0]) <= width):
            used += len(GAP) + len(columns[fitting][0])
            fitting += 1
        block = [
            GAP.join([name.ljust(first), *cells]).rstrip()
            for name, *cells in zip(names, *columns[:fitting], strict=True)
        ]
        yield "\n".join(block)
        columns = columns[fitting:]


def column(label: str, cells: Sequence[Sequence[str]]) -> list[str]:
    """A heading and cells of one width: numbers to the right, what follows them to the left."""
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    lines = [
        " ".join(
            part.rjust(size) if index == 0 else part.ljust(size)
            for index, (part, size) in enumerate(zip(cell, widths, strict=True))
            if size
        )
        for cell in cells
    ]
    size = max(len(label), *map(len, lines))
    return [label.ljust(size), *(line.ljust(size) for line in lines)]

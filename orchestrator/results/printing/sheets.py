"""What a report prints, whatever the format: sheets of text cells under a heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Number(NamedTuple):
    """A number as text and what follows it; plain text aligns each of these parts.

    `signs` are explained in the notes. `best` marks the highest of a column.
    """

    value: str
    spread: str = ""
    remark: str = ""
    signs: str = ""
    best: bool = False


Cell = str | Number


def number_of(cell: Cell) -> Number:
    """A cell with its parts; a text has only a value."""
    return Number(cell) if isinstance(cell, str) else cell


@dataclass(frozen=True, slots=True)
class Sheet:
    """One list: a title, captions that introduce it, a header, one line per row, and remarks that follow it.

    The first `keys` columns name a line. They are repeated where a narrow terminal needs several blocks.
    """

    title: str
    captions: Sequence[str]
    header: Sequence[str]
    lines: Sequence[Sequence[Cell]]
    remarks: Sequence[str] = ()
    keys: int = 1


@dataclass(frozen=True, slots=True)
class Printout:
    """Sheets under a heading that says what the numbers are.

    `protocol` says how the numbers were made, and `notes` what applies to all sheets. `bold` says which numbers of a
    column are the best, for formats that have bold type and a caption.
    """

    heading: str
    protocol: Sequence[str]
    sheets: Sequence[Sheet]
    notes: Sequence[str]
    bold: str = ""

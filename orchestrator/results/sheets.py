"""Lists of text under a heading, in every format that tables have: comparisons and headlines are such reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.results.formats import GAP, column, csv_text, json_text
from orchestrator.results.markup import escape_latex, escape_markdown, latex_table, markdown_grid

if TYPE_CHECKING:
    import pandas as pd

Cell = str | tuple[str, ...]
"""Text, or a number and what follows it, which columns of plain text line up."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One list: a title, lines that introduce it, a header, a line for each row, and lines that follow it."""

    title: str
    captions: Sequence[str]
    header: Sequence[str]
    lines: Sequence[Sequence[Cell]]
    remarks: Sequence[str] = ()


class Report(ABC):
    """What has rows of data, and sheets of text that show them. Prints as text."""

    @property
    @abstractmethod
    def heading(self) -> str:
        """What the numbers are."""

    @property
    @abstractmethod
    def protocol(self) -> Sequence[str]:
        """How the numbers came about."""

    @property
    @abstractmethod
    def sheets(self) -> Sequence[Sheet]: ...

    @property
    @abstractmethod
    def notes(self) -> Sequence[str]:
        """What else to know, after all sheets."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What was asked, as JSON data."""

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """Plain rows in full precision, all with the same keys."""

    def to_text(self, width: int | None = None) -> str:
        """Aligned plain text; lines are not folded, whatever the `width`."""
        blocks = ["\n".join([self.heading, *self.protocol])]
        for sheet in self.sheets:
            blocks.append("\n".join(line for line in (sheet.title, *sheet.captions) if line))
            blocks.append(_grid(sheet) if sheet.lines else "")
            blocks.append("\n".join(sheet.remarks))
        blocks.append("\n".join(self.notes))
        return "\n\n".join(block for block in blocks if block)

    def to_markdown(self) -> str:
        blocks = [f"**{escape_markdown(self.heading)}**", *map(escape_markdown, self.protocol)]
        for sheet in self.sheets:
            blocks += [f"### {escape_markdown(sheet.title)}"] * bool(sheet.title)
            blocks += map(escape_markdown, sheet.captions)
            blocks += [markdown_grid(*_escaped(sheet, escape_markdown))] if sheet.lines else []
            blocks += map(escape_markdown, sheet.remarks)
        blocks += map(escape_markdown, self.notes)
        return "\n\n".join(blocks) + "\n"

    def to_latex(self) -> str:
        """One `table` environment for each sheet; needs the package booktabs."""
        blocks = [r"% needs \usepackage{booktabs}"]
        for sheet in self.sheets:
            title = ". ".join(part for part in (sheet.title, self.heading, *self.protocol, *sheet.captions) if part)
            blocks.append(latex_table(title, *_escaped(sheet, escape_latex), [*sheet.remarks, *self.notes]))
        return "\n\n".join(blocks) + "\n"

    def to_csv(self) -> str:
        """`rows` as CSV with a header."""
        rows = self.rows()
        return csv_text(list(rows[0]) if rows else [], rows)

    def to_json(self) -> str:
        """An object with what was asked and the `rows`, under `cells`."""
        return json_text(self.settings, self.rows())

    def to_frame(self) -> pd.DataFrame:
        """`rows` as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def __str__(self) -> str:
        return self.to_text()


def _grid(sheet: Sheet) -> str:
    columns = []
    for name, *cells in zip(sheet.header, *sheet.lines, strict=True):
        if all(isinstance(cell, str) for cell in cells):
            size = max([len(name), *map(len, cells)])
            columns.append([text.ljust(size) for text in (name, *cells)])
        else:
            columns.append(column(name, [(cell,) if isinstance(cell, str) else cell for cell in cells]))
    return "\n".join(GAP.join(line).rstrip() for line in zip(*columns, strict=True))


def _escaped(sheet: Sheet, escape: Any) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a sheet, each cell one escaped text."""
    lines = [
        [escape(cell if isinstance(cell, str) else " ".join(filter(None, cell))) for cell in line]
        for line in sheet.lines
    ]
    return [escape(name) for name in sheet.header], lines

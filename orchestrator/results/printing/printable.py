"""What tables, comparisons and headlines have in common: rows of data, and a printout in every format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.results.printing import latex, render, workbook
from orchestrator.results.printing.sheets import Printout

if TYPE_CHECKING:
    import pandas as pd


class Printable(ABC):
    """Rows of data and a printout of them. Prints as text, and as HTML in a notebook."""

    @abstractmethod
    def printed(self, *, compact: bool = False) -> Printout:
        """What to print; a compact one has only the numbers, without their spreads and budgets."""

    @property
    def printout(self) -> Printout:
        """What to print, in full."""
        return self.printed()

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the report was made with, as JSON data."""

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """Plain rows in full precision, all with the same keys."""

    @property
    def columns(self) -> Sequence[str]:
        """The keys of `rows`."""
        return list(self.rows()[0])

    def to_text(self, width: int | None = None, *, compact: bool = False) -> str:
        """Aligned plain text; columns that do not fit into `width` characters continue in further blocks."""
        return render.to_text(self.printed(compact=compact), width)

    def to_markdown(self, *, compact: bool = False) -> str:
        """GitHub's tables, with a heading for each."""
        return render.to_markdown(self.printed(compact=compact))

    def to_latex(self, *, compact: bool = False, label: str | None = None, caption: str | None = None) -> str:
        """A `table` or, if that is too wide for a column, a `table*` for each sheet; needs the package booktabs.

        Names are as people write them. A compact one fits into a column of a page with two. `caption` is LaTeX and
        replaces the one that says what the numbers are.
        """
        return latex.to_latex(self.printed(compact=compact), compact=compact, label=label, caption=caption)

    def to_html(self, *, compact: bool = False) -> str:
        """A fragment, escaped, without styles or scripts."""
        return render.to_html(self.printed(compact=compact))

    def to_xlsx(self, *, compact: bool = False) -> bytes:
        """A workbook with the printed tables, and with `rows` in full precision."""
        return workbook.to_xlsx(self.printed(compact=compact), self.columns, self.rows())

    def to_csv(self) -> str:
        """`rows` as CSV with a header."""
        return render.to_csv(self.columns, self.rows())

    def to_json(self) -> str:
        """An object with the `settings`, the `notes` of the printout, and the `rows` under `cells`."""
        return render.to_json({**self.settings, "notes": self._said()}, self.rows())

    def to_frame(self) -> pd.DataFrame:
        """`rows` as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def _said(self) -> list[str]:
        """The remarks on sheets, each with its title, and the notes on all of them."""
        printout = self.printout
        titles_and_remarks = [(sheet.title, remark) for sheet in printout.sheets for remark in sheet.remarks]
        remarks = [f"{title}: {remark}" if title else remark for title, remark in titles_and_remarks]
        return [*remarks, *printout.notes]

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

"""What a view is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.results.page.tables import DataTable


@dataclass(frozen=True, slots=True)
class View:
    """A titled part of the page.

    `reading` says how to read it, and `missing` why it is left out, if it is. `figures` are inline SVG; `tables` are
    what they show as numbers, or with `open_tables` the view itself.
    """

    title: str
    reading: str
    figures: Sequence[str] = ()
    tables: Sequence[DataTable] = ()
    open_tables: bool = False
    missing: str = ""
    legend: Sequence[tuple[str, str]] = ()

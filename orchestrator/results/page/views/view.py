"""What a view is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.results.page.tables import DataTable


@dataclass(frozen=True, slots=True)
class View:
    """A titled part of the page.

    `reading` says how to read it, and `missing` why it is left out, if it is. `figures` are inline SVG and `shown` are
    tables that are themselves the view; `tables` have the numbers behind it, folded away.
    """

    title: str
    reading: str
    figures: Sequence[str] = ()
    shown: Sequence[DataTable] = ()
    tables: Sequence[DataTable] = ()
    missing: str = ""
    legend: Sequence[tuple[str, str]] = ()

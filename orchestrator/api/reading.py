"""Read results: rows, comparisons, headlines and networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.api.locations import Location, folder_for
from workers.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.results.comparisons.report import Comparison
    from orchestrator.results.exports.model_export import ExportedModel
    from orchestrator.results.headline import Headline
    from orchestrator.results.page.write import PageFile
    from orchestrator.results.statistics import Statistic


def frame(store: Location, sweep: str | None = None, *, retired: bool = False) -> pd.DataFrame:
    """The results of a store: one row per cell of all its sweeps (or of those named `sweep`).

    Retired sweeps are left out unless one is named or `retired` is true.

    The store `renda2020` is the published study; write `./renda2020` for a folder of that name.
    """
    from orchestrator.results.frame import to_frame
    from orchestrator.results.load import read

    return to_frame(read(store, None if sweep is None else [sweep], retired=retired))


def compare(
    ours: Location,
    theirs: Location,
    *,
    budget: str = "best",
    statistic: Statistic = "median",
    filters: Mapping[str, Any] | str | None = None,
    retired: bool = False,
) -> Comparison:
    """Compare two stores, or a store and the published study (`renda2020`), cell by cell.

    ours, theirs: the stores.
    budget, statistic, filters: as in `table`, for both.
    retired: whether retired sweeps count, too.

    Raises InputError if the two have no cell in common.
    """
    from orchestrator.results.comparisons.comparison import Side
    from orchestrator.results.comparisons.report import compare

    sides = (Side.read(store, retired=retired) for store in (ours, theirs))
    return compare(*sides, budget=budget, statistic=statistic, filters=filters)


def headline(
    store: Location,
    *,
    tolerance: float = 0.0,
    filters: Mapping[str, Any] | str | None = None,
    sweep: str | None = None,
    retired: bool = False,
) -> Headline:
    """The largest compression at which each technique still matches the dense network.

    store: the folder or bucket with the results, or `renda2020`, the published study.
    tolerance: points of accuracy that may be lost.
    filters: as in `table`.
    sweep: the name of a sweep; default all.
    retired: whether retired sweeps count, too.
    """
    from orchestrator.results.headline import headline
    from orchestrator.results.load import read

    joined = read(store, None if sweep is None else [sweep], retired=retired)
    return replace(headline(joined.rows, tolerance=tolerance, filters=filters), unreadable=joined.unreadable)


def report(
    store: Location,
    output: Location = "report.html",
    *,
    sweep: str | None = None,
    retired: bool = False,
    filters: str | None = None,
) -> PageFile:
    """Write the report page: one self-contained HTML file with answers, figures, tables and provenance.

    store: the folder or bucket with the results, or `renda2020`, the published study.
    output: the file to write; equal results give equal bytes.
    sweep: the name of a sweep; default all that are not retired, or with `retired` all.
    filters: which cells to show, such as `network=resnet20,compression>=8`; default all.

    Raises InputError for a store without pruned networks.
    """
    from orchestrator.results.page.write import write_page

    return write_page(store, output, sweep, retired=retired, filters=filters)


def export_model(store: Location, cell: str, to: Location | None = None, *, retired: bool = False) -> ExportedModel:
    """Write the network of a cell, as safetensors with a JSON card.

    store: the folder or bucket with the cell.
    cell: exactly one cell, such as `technique=lr_rewinding,compression=16,replicate=0`; or its trial (the first
        characters of the id suffice); or `TRIAL@STEP`.
    to: the folder to write to; default the store's name and `-models`.
    retired: whether the cells of retired sweeps can be picked, too.

    Raises InputError if `cell` does not pick exactly one, or if its network is not in the store.
    """
    from orchestrator.results.exports.model_export import export_cell

    opened = Store(store)
    return export_cell(opened, cell, folder_for(to, f"{opened.location.rstrip('/')}-models"), retired=retired)

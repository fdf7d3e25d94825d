"""Read results: rows, comparisons, headlines and networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.api.locations import Location, folder_for
from workers.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from orchestrator.results.comparisons.report import Comparison
    from orchestrator.results.exports.details import Contents
    from orchestrator.results.exports.model_export import ExportedModel
    from orchestrator.results.headline import Headline
    from orchestrator.results.load import Results
    from orchestrator.results.page.write import PageFile
    from orchestrator.results.statistics import Split, Statistic, Value
    from orchestrator.results.table import Table


def frame(
    store: Location, sweep: str | None = None, *, retired: bool = False, metric: str | None = None
) -> pd.DataFrame:
    """The results of a store: one row per cell of all its sweeps (or of those named `sweep`).

    Retired sweeps are left out unless one is named or `retired` is true. `metric` is the name of a metric that was
    recorded besides the primary one: then its scores are in `test_score` and so on, and in tables and figures of the
    frame.

    The store `renda2020` is the published study; write `./renda2020` for a folder of that name.
    """
    from orchestrator.results.frame import to_frame
    from orchestrator.results.load import read
    from orchestrator.results.recorded_metrics import judged_by

    joined = read(store, None if sweep is None else [sweep], retired=retired)
    return to_frame(joined._replace(rows=judged_by(joined.rows, metric)))


def table(
    results: Results,
    *,
    sweep: str | None = None,
    retired: bool = False,
    filters: Mapping[str, Any] | str | None = None,
    metric: str | None = None,
    value: Value = "score",
    budget: str | None = None,
    statistic: Statistic = "median",
    split: Split = "test",
    rows: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    baseline: str = "fine_tuning",
) -> Table:
    """Techniques × compressions, for one budget of each cell.

    results: a store, `renda2020` (the published study), or rows that `frame` returned.
    sweep: the name of a sweep of the store; default all.
    retired: whether retired sweeps count, too.
    filters: which cells, as an expression (`technique=lr_rewinding,compression>=8`), or as a mapping of columns to a
        value or a list of values, in which numbers match as tables show them, to half a percent.
    metric: the name of a metric that was recorded, which also chooses budgets then; default the primary one.
    value: `score` (formerly `accuracy`), or `delta`: the difference from the dense network of the same replicate.
    budget: one of the sweep, a length near one (`50%`), or `best` (chosen on validation), `longest` or `single`;
        default `best`, unless there is only one.
    statistic: `median` [min, max], `mean` ± sd, or `ci`: the mean and its 95% confidence interval.
    split: score on `test` or `validation` examples.
    rows, columns: what a line and a column are, one name or several each; all budgets where `budget` is among them.
    baseline: the technique that others are tested against, with `ci`.

    Raises InputError for an unknown column, sweep, budget or choice.
    """
    from orchestrator.results.arrangement import Layout
    from orchestrator.results.load import rows_of
    from orchestrator.results.table import table

    Layout.of(rows, columns)  # names its mistakes before anything is read
    joined = rows_of(results, sweep, retired=retired, metric=metric)
    shown = table(
        joined.rows,
        value=value,
        budget=budget,
        statistic=statistic,
        split=split,
        filters=filters,
        rows=rows,
        columns=columns,
        baseline=baseline,
    )
    return replace(shown, unreadable=joined.unreadable)


def compare(
    ours: Results,
    theirs: Results,
    *,
    sweep: str | None = None,
    other_sweep: str | None = None,
    retired: bool = False,
    filters: Mapping[str, Any] | str | None = None,
    metric: str | None = None,
    budget: str | None = None,
    statistic: Statistic = "median",
    split: Split = "test",
) -> Comparison:
    """Compare two stores, or a store and the published study (`renda2020`), cell by cell.

    ours, theirs: stores, or rows that `frame` returned.
    sweep: the name of a sweep; default all. It is read from each store, or from `ours` if `other_sweep` names another.
    other_sweep: the name of the sweep of `theirs`, for two sweeps of one store.
    retired, filters, metric, statistic, split: as in `table`, for both.
    budget: as in `table`, for both; default `best`.

    Raises InputError if the two have no cell in common.
    """
    from orchestrator.results.comparisons.comparison import Side
    from orchestrator.results.comparisons.report import compare

    our_side = Side.read(ours, "ours", sweep, retired=retired, metric=metric)
    their_side = Side.read(theirs, "theirs", other_sweep or sweep, retired=retired, metric=metric)
    return compare(our_side, their_side, budget=budget or "best", statistic=statistic, split=split, filters=filters)


def headline(
    results: Results,
    *,
    tolerance: float | str = "0",
    sweep: str | None = None,
    retired: bool = False,
    filters: Mapping[str, Any] | str | None = None,
    metric: str | None = None,
    split: Split = "test",
) -> Headline:
    """The largest compression at which each technique still matches the dense network.

    tolerance: what may be lost, in points of accuracy, or in the unit of another metric, or a share of the dense score
        such as `1%`.
    results, sweep, retired, filters, metric, split: as in `table`.
    """
    from orchestrator.results.headline import headline
    from orchestrator.results.load import rows_of

    joined = rows_of(results, sweep, retired=retired, metric=metric)
    shown = headline(joined.rows, tolerance=tolerance, split=split, filters=filters)
    return replace(shown, unreadable=joined.unreadable)


def export(
    results: Results,
    path: Location,
    *,
    sweep: str | None = None,
    retired: bool = False,
    filters: Mapping[str, Any] | str | None = None,
    contents: Contents = "cells",
) -> Path:
    """Write one tidy table as `.parquet`, `.csv` or `.xlsx`, and return its path.

    Parquet keeps the dtypes of a frame; in CSV, ids begin with a letter, so that readers take them for text, and
    texts that a spreadsheet would run as formulas have an apostrophe in front.

    results, sweep, retired, filters: as in `table`.
    contents: a row for each of the `cells`, for each of the `layers` of their networks, or for each point of their
        learning `curves`. The last two need a store, and name their cells by `trial`, `step` and `evaluation`.

    Raises InputError for any other suffix, and as `table` does.
    """
    from orchestrator.results.exports.details import check_contents, read_details, store_of
    from orchestrator.results.exports.export import export, select
    from orchestrator.results.load import rows_of

    check_contents(contents)
    rows = rows_of(results, sweep, retired=retired).rows
    rows = rows if filters is None else select(rows, filters)
    if contents == "cells":
        return export(rows, path)
    details = read_details(store_of(results, contents), rows)
    return export(details.layers if contents == "layers" else details.curves, path)


def report(
    store: Location,
    output: Location = "report.html",
    *,
    sweep: str | None = None,
    retired: bool = False,
    filters: str | None = None,
    metric: str | None = None,
    baseline: str = "fine_tuning",
) -> PageFile:
    """Write the report page: one self-contained HTML file with answers, figures, tables and provenance.

    store: the folder or bucket with the results, or `renda2020`, the published study.
    output: the file to write; equal results give equal bytes.
    sweep: the name of a sweep; default all that are not retired, or with `retired` all.
    filters: which cells to show, such as `network=resnet20,compression>=8`; default all.
    metric: as in `table`.
    baseline: the technique that others are tested against.

    Raises InputError for a store without pruned networks, and for a baseline that no grid has.
    """
    from orchestrator.results.page.write import write_page

    return write_page(store, output, sweep, retired=retired, filters=filters, metric=metric, baseline=baseline)


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

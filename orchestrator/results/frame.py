"""Sweeps × records: one tidy row for each cell, with its result where it has one.

`join` gives Arrow, which is all that tables need; `results` gives the same rows as a pandas frame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from orchestrator.planning.cells import CELLS, Kept, first_failed, missing_sweep, read_kept
from orchestrator.planning.prunable_share import kept_shares
from orchestrator.results.recorded_metrics import KEY, metadata_of, with_recorded_metrics
from orchestrator.results.score_columns import (
    METRIC,
    SCORES,
    by_name,
    changes,
    metric_columns,
    metric_of,
    primary_metric,
)
from orchestrator.results.statistics import SECTION
from workers.store import Store
from workers.store.failures import Failure

if TYPE_CHECKING:
    import pandas as pd

_TASK = ("dataset", "network", "recipe")
IDENTITY = (*SECTION, "technique", "compression", "budget", "replicate")
_STOP = ("trial", "step")
_RECORD = (*_STOP, "evaluation")


class Joined(NamedTuple):
    """One row for each cell, and the files that could not be read (path: reason)."""

    rows: pa.Table
    unreadable: dict[str, str]


def to_frame(joined: Joined) -> pd.DataFrame:
    """Rows as a frame: `str`, nullable `Int32`/`Int64`, `float64`, `bool` and UTC time columns.

    `frame.attrs["unreadable"]` names the files that could not be read (path: reason). Attributes also say which metrics
    are recorded besides the primary one, for `load.rows_of`.
    """
    import pandas as pd

    nullable = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = joined.rows.to_pandas(types_mapper=nullable.get)
    frame.attrs["unreadable"] = joined.unreadable
    if recorded := metadata_of(joined.rows):
        frame.attrs[KEY] = recorded
    return frame


def join(store: Store, sweeps: Iterable[str] | None = None, *, retired: bool = False) -> Joined:
    """One row for each cell of all sweeps of a store, or of some: by folder, or by name, which picks all of that name.

    Retired sweeps are left out unless they are named, or wanted, too (see `Sweeps.named`).

    The columns are those of a cell (without its lineage; its `density` is the one that was asked for); the record's
    (null without a record; its `achieved_density` is measured on the mask); and

    - `sweep`: the folder of the newest sweep that has the cell,
    - `parameters`: how many the network has, pruned or not, null where the store does not say,
    - `done`: whether the cell has its record,
    - `failure`: how the cell's trial failed before it reached the cell, or `blocked` if an earlier trial failed,
    - `failed_trial`: the trial whose failure that is,
    - `same_run_as`: another cell that points to the same stop (`fine_tuning 50%`), so not independent evidence,
    - `mixed_parents`: whether a parent was trained twice with different results, and this row used the unpublished one,
    - `dense_test_score`, `dense_validation_score`: of the dense network of the same replicate,
    - `dense_epochs`: how long that network was trained,
    - `delta_test_score`, `delta_validation_score`: the difference from it, in points where scores are fractions,
    - the scores of every metric by its name, in place of `score`: `test_accuracy`, `delta_test_top5`.

    `metric`, its unit and its direction are those of the sweep file in rows without a record.

    A cell of several sweeps appears once. If its labels mean different work in an older sweep (because the recipe was
    edited, for example), the older cells appear separately, with the recipe `<recipe> (<folder>)`.

    Raises InputError for a sweep that the store does not have.
    """
    kept, unreadable = read_kept(store, _folders(store, sweeps, retired))
    cells = _union({folder: sweep.cells for folder, sweep in kept.items()})
    records, unreadable_records = store.records.read_all()
    unreadable |= unreadable_records
    position = {key: row for row, key in enumerate(_keys(records, _RECORD))}
    record_rows = [position.get(key) for key in _keys(cells, _RECORD)]
    dense = records.select((*SCORES, "epochs", "other_scores")).take(
        pa.array([position.get(key) for key in _keys(cells, ("dense_trial", "dense_step", "evaluation"))], pa.int64())
    )
    columns = {name: cells.column(name) for name in cells.column_names if name != "lineage"}
    columns |= _record_columns(records.append_column("mixed_parents", _mixed_parents(records)), record_rows)
    columns |= {
        "parameters": _parameters(cells, kept, store),
        "done": pa.array([row is not None for row in record_rows], pa.bool_()),
        "same_run_as": _same_run_as(cells),
    }
    columns |= _failures(cells, record_rows, store.failures.read_all())
    columns |= _metrics(cells, records, kept)
    columns |= {f"dense_{name}": dense.column(name) for name in (*SCORES, "epochs")}
    units = columns["metric_unit"]
    columns |= {f"delta_{name}": changes(columns[name], dense.column(name), units) for name in SCORES}
    columns |= by_name(columns, dense.column("other_scores").to_pylist())
    del columns["other_scores"]
    return Joined(with_recorded_metrics(pa.table(columns), records), unreadable)


def _folders(store: Store, sweeps: Iterable[str] | None, retired: bool) -> list[str]:
    """Folders of the sweeps to read, newest first."""
    if sweeps is None:
        return store.sweeps.named(retired=retired)[::-1]
    wanted: set[str] = set()
    for name in sweeps:
        folders = store.sweeps.named(name, retired=retired)
        if not folders:
            raise missing_sweep(store, name)
        wanted.update(folders)
    return [folder for folder in store.sweeps.folders()[::-1] if folder in wanted]


def _union(cells_of: Mapping[str, pa.Table]) -> pa.Table:
    """The cells of several sweeps, newest first, each once.

    Equal labels can mean different work in two sweeps, because a recipe was edited in between. Each row of a table
    must mean one thing, so the newest sweep keeps its labels, and an older one gets its folder added to the recipe:
    in all its cells of that task, because only whole grids can be read.
    """
    stop_of: dict[tuple[Any, ...], tuple[Any, ...]] = {}  # what the labels in the union mean
    seen: set[tuple[Any, ...]] = set()  # labels as the sweeps have them: a third sweep may repeat what was renamed
    parts = [CELLS.append(pa.field("sweep", pa.string())).empty_table()]
    for folder, cells in cells_of.items():
        new: dict[tuple[Any, ...], int] = {}
        for row, cell in enumerate(zip(_keys(cells, IDENTITY), _keys(cells, _RECORD), strict=True)):
            if cell not in seen:
                new.setdefault(cell, row)
        seen |= new.keys()
        edited = {identity[: len(_TASK)] for identity, stop in new if stop_of.get(identity, stop) != stop}
        recipes = []
        for (dataset, network, recipe, *rest), stop in new:
            label = f"{recipe} ({folder})" if (dataset, network, recipe) in edited else recipe
            stop_of[dataset, network, label, *rest] = stop
            recipes.append(label)
        part = cells.take(pa.array(list(new.values()), pa.int64()))
        part = part.set_column(CELLS.get_field_index("recipe"), CELLS.field("recipe"), pa.array(recipes, pa.string()))
        parts.append(part.append_column("sweep", pa.array([folder] * len(new), pa.string())))
    return pa.concat_tables(part.cast(parts[0].schema) for part in parts)


def _record_columns(records: pa.Table, record_rows: Sequence[int | None]) -> dict[str, Any]:
    """The columns that only records have, for each cell."""
    taken = records.drop_columns([*_RECORD, "replicate"]).take(pa.array(record_rows, pa.int64()))
    columns = dict(zip(taken.column_names, taken.columns, strict=True))
    columns["mixed_parents"] = columns.pop("mixed_parents").fill_null(False)
    return columns


def _metrics(cells: pa.Table, records: pa.Table, kept: Mapping[str, Kept]) -> dict[str, pa.Array]:
    """The primary metric of each cell: equal evaluations have the same one, recorded or in the sweep file."""
    names = ("evaluation", *METRIC)
    recorded = {row["evaluation"]: metric_of(row) for row in records.select(names).to_pylist()}
    planned = {folder: primary_metric(sweep.sweep) for folder, sweep in kept.items()}
    metrics = [recorded.get(key, planned[folder]) for key, folder in _keys(cells, ("evaluation", "sweep"))]
    return metric_columns(metrics)


def _parameters(cells: pa.Table, kept: Mapping[str, Kept], store: Store) -> pa.Array:
    totals = {
        (folder, share.dataset, share.network): share.parameters
        for folder, sweep in kept.items()
        for share in kept_shares(sweep.sweep, store)
    }
    return pa.array([totals.get(key) for key in _keys(cells, ("sweep", "dataset", "network"))], pa.int64())


def _mixed_parents(records: pa.Table) -> pa.Array:
    """For each record, whether a parent's record has a different digest than the state that this record came from."""
    published = defaultdict(set)
    for stop, digest in zip(_keys(records, _STOP), records.column("state_digest").to_pylist(), strict=True):
        if digest is not None:
            published[stop].add(digest)
    mixed = [False] * records.num_rows
    for kind in ("start", "mask"):
        used = records.column(f"{kind}_digest").to_pylist()
        stops = _keys(records, (f"{kind}_trial", f"{kind}_step"))
        siblings = defaultdict(set)  # a rewind point has no record, but every trial that starts there knows its digest
        for stop, digest in zip(stops, used, strict=True):
            if digest is not None:
                siblings[stop].add(digest)
        for row, stop in enumerate(stops):
            if used[row] is not None and (published.get(stop) or siblings[stop]) - {used[row]}:
                mixed[row] = True
    return pa.array(mixed, pa.bool_())


def _failures(
    cells: pa.Table, record_rows: Sequence[int | None], failures: Mapping[str, Failure]
) -> dict[str, pa.Array]:
    """For each cell without a record the outcome, and the first trial of its lineage that failed, or nulls."""
    outcomes: list[str | None] = [None] * cells.num_rows
    culprits: list[str | None] = [None] * cells.num_rows
    if failures:
        for row, (trial, lineage) in enumerate(_keys(cells, ("trial", "lineage"))):
            if record_rows[row] is None:
                culprits[row] = culprit = first_failed(trial, lineage, failures)
                outcomes[row] = failures[trial].outcome if culprit == trial else culprit and "blocked"
    return {"failure": pa.array(outcomes, pa.string()), "failed_trial": pa.array(culprits, pa.string())}


def _same_run_as(cells: pa.Table) -> pa.Array:
    """For each cell, the label of the first other cell with the same stop, or null."""
    sharing: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row, stop in enumerate(_keys(cells, _STOP)):
        sharing[stop].append(row)
    labels: list[str | None] = [None] * cells.num_rows
    for rows in sharing.values():
        if len(rows) > 1:
            members = cells.take(pa.array(rows, pa.int64())).to_pylist()
            for row, member in zip(rows, members, strict=True):
                labels[row] = _label(members[1] if member is members[0] else members[0], member)
    return pa.array(labels, pa.string())


def _label(cell: Mapping[str, Any], twin: Mapping[str, Any]) -> str:
    """A cell's technique and budget, and whatever else tells it from its twin."""
    differing = [str(cell[name]) for name in SECTION if cell[name] != twin[name]]
    label = " ".join(str(part) for part in (cell["technique"], cell["budget"]) if part is not None)
    return f"{label} ({', '.join(differing)})" if differing else label


def _keys(table: pa.Table, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))

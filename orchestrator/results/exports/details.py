"""What records keep besides their numbers: the weights of each layer, and the learning curve, as tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from orchestrator.results.load import is_published
from workers.errors import InputError
from workers.registry import closest
from workers.store import Store
from workers.store.layout import RecordKey
from workers.store.record_parsing import KEY, record_keys

if TYPE_CHECKING:
    import pyarrow as pa

    from orchestrator.results.load import Results

Contents = Literal["cells", "layers", "curves"]
"""What a file has a row for: each cell, each layer of each record, or each point of each learning curve."""


class Details(NamedTuple):
    """Both tables, whose rows name their record by `trial`, `step` and `evaluation`, and what cannot be read."""

    layers: pa.Table
    curves: pa.Table
    unreadable: Mapping[str, str]


def read_details(store: Store, rows: pa.Table) -> Details:
    """The layers and learning curves of the cells that are done; a record of several cells appears once.

    `layers`: in the order of the network its `layer`, `weights`, `kept`, `density` (kept / weights) and
    `multiply_adds`. `curves`: one point per epoch, with `at_step` and `epoch` since the start of the trial,
    `learning_rate`, `train_loss` and `train_accuracy`.
    """
    done = [row for row in rows.select((*KEY, "done", "epochs")).to_pylist() if row["done"]]
    epochs = {RecordKey(*(row[name] for name in KEY)): row["epochs"] for row in done}
    details, unreadable = store.records.details(list(epochs))
    return Details(_layers(details), _curves(details, epochs), unreadable)


def check_contents(contents: str) -> None:
    """Raise InputError for anything but `Contents`."""
    if contents not in get_args(Contents):
        raise InputError(f"unknown contents: `{contents}`", hint=closest(contents, get_args(Contents)))


def store_of(results: Results, contents: Contents) -> Store:
    """The store that results are. Raises InputError for rows and for the published study, which lack the contents."""
    if isinstance(results, Store):
        return results
    if isinstance(results, str | os.PathLike) and not is_published(results):
        return Store(results)
    what = results if isinstance(results, str) else type(results).__name__
    raise InputError(f"`{contents}` must be read from a store: {what}", hint="pass the place of a store")


def _layers(details: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    table = _exploded(details, "layers")
    weights = table.column("weights")
    density = pc.if_else(pc.greater(weights, 0), pc.divide(pc.cast(table.column("kept"), "float64"), weights), None)
    return table.add_column(table.column_names.index("kept") + 1, "density", density)


def _curves(details: pa.Table, epochs: Mapping[RecordKey, float | None]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    of_records = pa.array([epochs[key] for key in record_keys(details)], pa.float64())
    table = _exploded(details.append_column("epochs", of_records), "curve", "epochs").rename_columns(
        [*KEY, "epochs", "at_step", "learning_rate", "train_loss", "train_accuracy"]
    )
    # The record is of the step that its epochs are of.
    step = pc.cast(pc.if_else(pc.equal(table.column("step"), 0), None, table.column("step")), "float64")
    epoch = pc.divide(pc.multiply(table.column("epochs"), pc.cast(table.column("at_step"), "float64")), step)
    points = table.drop_columns("epochs")
    return points.add_column(points.column_names.index("at_step") + 1, "epoch", epoch)


def _exploded(details: pa.Table, column: str, *others: str) -> pa.Table:
    """A row for each member of a column of lists, with the key and other columns of its record."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = details.column(column).combine_chunks()
    members = pc.list_flatten(lists)
    of_records = details.select((*KEY, *others)).take(pc.list_parent_indices(lists))
    names = [field.name for field in lists.type.value_type]
    # A curve has a `step`, too, so columns are put together by position.
    return pa.table([*of_records.columns, *members.flatten()], names=[*KEY, *others, *names])

"""Results as rows: of a store, of the published study by its name, or rows that a caller already has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from orchestrator.planning.cells import check_shown
from orchestrator.results.frame import Joined, join
from orchestrator.results.recorded_metrics import KEY, judged_by, with_metadata
from orchestrator.results.reference import RENDA2020, published
from orchestrator.results.score_columns import with_scores
from workers.errors import InputError
from workers.store import Store

if TYPE_CHECKING:
    import pandas as pd

Results: TypeAlias = "str | os.PathLike[str] | Store | pa.Table | pd.DataFrame"
"""What reading functions take: a store, the name of the published study, or rows of either as Arrow or pandas."""


def is_published(location: object) -> bool:
    """Whether a location is the name of the published study; a store of that name is `./renda2020`."""
    return isinstance(location, str) and location == RENDA2020


def read(
    location: str | os.PathLike[str] | Store, sweeps: Iterable[str] | None = None, *, retired: bool = False
) -> Joined:
    """The rows of a store (or of some of its sweeps), or of the published study `renda2020`.

    Retired sweeps are left out unless they are named, or wanted, too.

    Raises InputError for an unknown sweep, and StoreError where the location is not a store.
    """
    if isinstance(location, Store):
        return join(location, sweeps, retired=retired)
    if not is_published(location):
        return join(Store(location), sweeps, retired=retired)
    if sweeps is not None:
        raise InputError(
            f"`{RENDA2020}` has no sweeps: it is the published study",
            hint="select cells with `--network`, `--schedule` or `--only`",
        )
    return Joined(published(), {})


def rows_of(results: Results, sweep: str | None = None, *, retired: bool = False, metric: str | None = None) -> Joined:
    """The rows of a store, of the published study, or those that are given; as if `metric` were the primary one.

    Raises InputError for anything else, for `sweep` or `retired` with rows, for a store whose sweeps are all hidden,
    for a metric that no row has, and as `read` does.
    """
    joined = _rows_of(results, sweep, retired=retired)
    return joined._replace(rows=judged_by(joined.rows, metric))


def _rows_of(results: Results, sweep: str | None, *, retired: bool) -> Joined:
    if isinstance(results, str | os.PathLike | Store):
        joined = read(results, None if sweep is None else [sweep], retired=retired)
        if not joined.rows.num_rows and sweep is None and not retired and not is_published(results):
            check_shown(results if isinstance(results, Store) else Store(results))
        return joined
    rows = _given(results)
    if sweep is not None or retired:
        option = "sweep" if sweep is not None else "retired"
        raise InputError(f"`{option}` selects from a store, but rows were given", hint="pass it to `frame`")
    return Joined(rows, {})


def as_arrow(results: Results) -> pa.Table:
    """Results as an Arrow table. Raises as `rows_of` does."""
    return rows_of(results).rows


def _given(results: Any) -> pa.Table:
    """The rows of an Arrow table, a pandas frame, or a frame of a library that speaks Arrow."""
    if isinstance(results, pa.Table):
        return with_scores(results)
    pandas = sys.modules.get("pandas")  # whoever has a frame has imported it
    if pandas is not None and isinstance(results, pandas.DataFrame):
        rows = with_scores(pa.Table.from_pandas(results, preserve_index=False))
        return with_metadata(rows, results.attrs[KEY]) if KEY in results.attrs else rows
    if hasattr(results, "__arrow_c_stream__"):
        return with_scores(pa.table(results))
    raise InputError(
        f"results must be a store or its rows: {type(results).__name__}",
        hint="pass the path of a store, or the frame that `prunesweep.frame` returns",
    )

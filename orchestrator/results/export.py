"""Results as one tidy file with a row for each cell."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.planning.select import check_picked, selector
from orchestrator.results.frame import as_arrow
from workers.errors import InputError
from workers.paths import expanded
from workers.store.local import LocalFiles

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def select(rows: pa.Table, expression: str) -> pa.Table:
    """The rows that an expression picks (see `planning.select`). Raises InputError if it picks none."""
    wanted = selector(expression)
    picked = rows.filter([wanted(row) for row in rows.to_pylist()])
    check_picked(picked.num_rows > 0, expression)
    return picked


def export(results: pd.DataFrame | pa.Table, path: str | os.PathLike[str]) -> Path:
    """Write results as `.parquet` or `.csv`, replacing the file in one step, and return its path.

    Parquet keeps the dtypes of a frame. Raises InputError for any other suffix.
    """
    path = Path(expanded(path))
    if path.suffix not in _WRITERS:
        raise InputError(f"cannot export to `{path}`", hint=f"the name must end in {' or '.join(_WRITERS)}")
    data = io.BytesIO()
    _WRITERS[path.suffix](as_arrow(results), data)
    LocalFiles(path.parent).write(path.name, data.getvalue())
    return path


def _write_parquet(table: pa.Table, sink: io.BytesIO) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, sink, compression="zstd")


def _write_csv(table: pa.Table, sink: io.BytesIO) -> None:
    import pyarrow.csv

    pyarrow.csv.write_csv(table, sink)


_WRITERS: dict[str, Callable[[pa.Table, io.BytesIO], None]] = {".parquet": _write_parquet, ".csv": _write_csv}

"""Results as one tidy file with a row for each cell."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.planning.select import TRIAL_LETTER
from orchestrator.results.baseline import BASELINE
from orchestrator.results.load import Results, as_arrow
from orchestrator.results.printing.formulas import without_formulas
from orchestrator.results.printing.workbook import rows_to_xlsx
from orchestrator.results.rows import Filters, passing
from orchestrator.results.statistics import Split, Value
from orchestrator.results.table import table
from workers.errors import InputError
from workers.paths import expanded
from workers.store.filesystems.output import write_output

if TYPE_CHECKING:
    import pyarrow as pa


def select(rows: pa.Table, filters: Filters) -> pa.Table:
    """The rows that pass filters. Raises InputError as `rows.passing` does."""
    return rows.filter(passing(rows, filters))


def export(results: Results, path: str | os.PathLike[str]) -> Path:
    """Write results as `.parquet`, `.csv` or `.xlsx`, replacing the file in one step, and return its path.

    Parquet keeps the dtypes of a frame; in CSV, ids begin with a letter, so that readers take them for text, and texts
    that a spreadsheet would run as formulas have an apostrophe in front. Raises InputError for any other suffix.
    """
    path = Path(expanded(path))
    if path.suffix not in _WRITERS:
        raise InputError(f"cannot export to `{path}`", hint=f"the name must end in {', '.join(_WRITERS)}")
    data = io.BytesIO()
    _WRITERS[path.suffix](as_arrow(results), data)
    write_output(path, data.getvalue())
    return path


def write_statistics(
    results: Results,
    path: str | os.PathLike[str],
    *,
    value: Value = "score",
    split: Split = "test",
    filters: Filters | None = None,
    baseline: str = BASELINE,
) -> Path:
    """Write statistics over replicates as CSV, with a row for each technique, compression and budget; return the path.

    Each has its median, minimum, maximum, mean, standard deviation and 95% confidence interval. Arguments are those of
    `table`.
    """
    path = Path(expanded(path))
    shown = table(
        results,
        value=value,
        statistic="ci",
        split=split,
        filters=filters,
        rows="technique,budget",
        baseline=baseline,
    )
    write_output(path, shown.to_csv().encode())
    return path


def _write_parquet(rows: pa.Table, sink: io.BytesIO) -> None:
    import pyarrow.parquet as pq

    pq.write_table(rows, sink, compression="zstd")


def _write_csv(rows: pa.Table, sink: io.BytesIO) -> None:
    import pyarrow.csv

    shown = without_formulas(_with_letters(rows))
    whole = shown.combine_chunks()  # older Arrows repeat the header after an empty chunk (arrow#36889)
    pyarrow.csv.write_csv(whole, sink)


def _write_xlsx(rows: pa.Table, sink: io.BytesIO) -> None:
    sink.write(rows_to_xlsx(rows.column_names, rows.to_pylist()))


def _with_letters(rows: pa.Table) -> pa.Table:
    """Put a letter in front of hexadecimal ids, such as `80893384992582038e45`, which readers of CSV take for a number.

    In Parquet and in frames they have the type of text, and stay as they are in the store.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in _LETTERS.keys() & set(rows.column_names):
        ids = rows.column(name).cast(pa.string())
        lettered = pc.binary_join_element_wise(_LETTERS[name], ids, "")
        is_bare = pc.match_substring_regex(ids, r"^[0-9a-f]+\+?$")
        rows = rows.set_column(rows.column_names.index(name), name, pc.if_else(is_bare, lettered, ids))
    return rows


_LETTERS = {
    **dict.fromkeys(("trial", "dense_trial", "start_trial", "mask_trial", "failed_trial"), TRIAL_LETTER),
    **dict.fromkeys(("state_digest", "start_digest", "mask_digest"), "d"),
    "evaluation": "e",
    "commit": "g",  # as in `git describe`
}


_WRITERS: dict[str, Callable[[pa.Table, io.BytesIO], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".xlsx": _write_xlsx,
}

"""Reading the CSV or Parquet file of a table."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from workers.data.files.csv_table import read_csv
from workers.data.files.parquet_table import damaged
from workers.errors import InputError

_INDEX = re.compile(r"|__index_level_\d+__")
"""Names of columns in which pandas writes the numbers of rows."""

_CONTENT = "numbers and categories, and the first line the names of the columns"


_UNNAMED = "the column without a name"
_NAMES = "give the columns different names in the first line"


class TableFile(NamedTuple):
    """The rows of a file, the columns that pandas calls categorical, and notes on what was left out."""

    rows: pa.Table
    categories: list[str]
    notes: list[str]


def read_table(path: str) -> TableFile:
    """The rows of a CSV or Parquet file; numbers may have a decimal comma where columns are separated by semicolons.

    Row numbers that pandas has written are left out. Raises InputError for a file without rows, and for names that
    several columns have; BadInput for a damaged file.
    """
    if not os.path.isfile(path):
        raise InputError(f"table not found: `{path}`", hint="relative paths begin in the current directory")
    if path.endswith((".parquet", ".pq")):
        rows = _read_parquet(path)
    else:
        rows = read_csv(path, rows=_CONTENT, decimal_commas=True)
    if repeated := [name for name, count in Counter(rows.column_names).items() if count > 1]:
        raise InputError(f"columns of `{path}` must have different names: `{repeated[0]}`", hint=_NAMES)
    if not len(rows):
        raise InputError(f"`{path}` has no rows", hint="check that it is the right file, and complete")
    index = [name for name in rows.column_names if _INDEX.fullmatch(name)]
    notes = [f"row numbers of pandas are left out: {f'column `{name}`' if name else _UNNAMED}" for name in index]
    columns = (rows.schema.pandas_metadata or {"columns": []})["columns"]
    categories = [column["name"] for column in columns if column["pandas_type"] == "categorical"]
    return TableFile(rows.drop_columns(index), categories, notes)


def _read_parquet(path: str) -> pa.Table:
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error

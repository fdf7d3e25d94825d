"""Reading Parquet files: their schemas and columns, and which column is meant."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workers.data.files.labels import is_bytes, is_label
from workers.errors import BadInput, InputError

_FETCH = "copy or download the file again: it is incomplete, damaged, or not in the Parquet format"
_IMAGE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels")


def damaged(file: str | Path, error: Exception, what: str = "") -> BadInput:
    """The error for a file that cannot be read, or a part of it."""
    reason = str(error).strip().partition("\n")[0].removeprefix(f"Could not open Parquet input source '{file}': ")
    is_of_system = isinstance(error, OSError) and error.errno is not None
    return BadInput(
        f"{what}{file} cannot be read: {reason}",
        hint="check that the file is there and may be read" if is_of_system else _FETCH,
    )


def read_schema(file: Path) -> pa.Schema:
    """The columns of a file and their types. Raises BadInput for a damaged file."""
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise damaged(file, error) from error


def read_column(file: Path, column: str) -> pa.ChunkedArray:
    """One column of a file. Raises BadInput for a damaged file, or one without the column."""
    try:
        return pq.read_table(file, columns=[column], partitioning=None).column(column)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise damaged(file, error, f"column `{column}` of ") from error


def row_count(file: Path) -> int:
    """The rows of a file. Raises BadInput for a damaged file."""
    try:
        return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise damaged(file, error) from error


def image_column(schema: pa.Schema, given: str | None) -> str:
    """The column with encoded images: binary, or a struct with binary `bytes`. Raises InputError if it is unclear."""
    fitting = [field.name for field in schema if _is_image(field.type)]
    likely = [name for name in fitting if name not in _LABEL_NAMES]
    wanted = "bytes, or a struct with `bytes`"
    return _column(schema, given, "image_column", fitting, likely, wanted, _IMAGE_NAMES)


def label_column(schema: pa.Schema, given: str | None) -> str:
    """The column with labels. Raises InputError if it is unclear."""
    fitting = [field.name for field in schema if is_label(field.type)]
    numbers = [name for name in fitting if pa.types.is_integer(schema.field(name).type)]
    others = [name for name in fitting if not is_bytes(schema.field(name).type)]
    likely = numbers or others or [name for name in fitting if name not in _IMAGE_NAMES]
    return _column(schema, given, "label_column", fitting, likely, "one label in each row", _LABEL_NAMES)


def _column(
    schema: pa.Schema,
    given: str | None,
    argument: str,
    fitting: list[str],
    likely: list[str],
    wanted: str,
    usual: tuple[str, ...],
) -> str:
    """The given column, or the only likely one. All columns that are `fitting` may be given."""
    columns = ", ".join(f"`{field.name}` ({field.type})" for field in schema)
    hint = f"set `{argument}`; the columns are {columns}"
    if given is not None and given not in schema.names:
        raise InputError(f"`{argument}` not found in the Parquet files: `{given}`", hint=hint)
    if given is not None and given not in fitting:
        kind = schema.field(given).type
        raise InputError(f"`{argument}` must hold {wanted}, not {kind}: `{given}`", hint=hint)
    if given is not None:
        return given
    names = [name for name in fitting if name in usual] or likely
    if not names:
        raise InputError(f"no column can be `{argument}`, which must hold {wanted}: {columns}")
    if len(names) != 1:
        raise InputError(f"`{argument}` must be given: {len(names):,} columns could be it", hint=hint)
    return names[0]


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and is_bytes(field.type) for field in kind)
    return is_bytes(kind)

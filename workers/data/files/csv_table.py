"""Reading CSV files, also with semicolons or tabs, and what is wrong with those that cannot be read."""

from __future__ import annotations

import csv
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from workers.data.files.damage import listed
from workers.errors import BadInput, InputError
from workers.text import plural

_IMAGES = "the path and the label of an image"
_DECIMAL_COMMA = r"^\s*[-+]?\d*,\d+\s*$"


def read_csv(
    file: str,
    types: Mapping[str, pa.DataType] | None = None,
    rows: str = _IMAGES,
    decimal_commas: bool = False,
) -> pa.Table:
    """A CSV file, with columns of the given types, else of those that the values suggest; `rows` says what they have.

    With `decimal_commas`, a file with semicolons may have numbers such as `1,5`.
    Raises InputError for an empty file; BadInput, with the lines, for rows that do not have the columns of the first
    line, and for a file that is not text.
    """
    try:
        with open(file, encoding="utf-8-sig") as lines:
            header = next((line for line in lines if line.strip()), "")
        delimiter = max(",;\t", key=header.count)
        if not header:
            raise InputError(f"`{file}` is empty", hint=f"each row must have {rows}")
        table = _read(file, delimiter, types, ".")
        if decimal_commas and delimiter == ";" and any(map(_has_decimal_commas, table.columns)):
            return _read(file, delimiter, types, ",")
        return table
    except UnicodeError as error:
        raise BadInput(
            f"{file} cannot be read: {error}",
            hint="save the table as CSV in UTF-8; the name of a Parquet file must end in `.parquet`",
        ) from error
    except pa.ArrowInvalid as error:
        raise _ragged(file, delimiter) or BadInput(
            f"{file} cannot be read: {str(error).partition(chr(10))[0]}",
            hint="save the table as CSV in UTF-8, with the names of the columns in the first line",
        ) from error


def _read(file: str, delimiter: str, types: Mapping[str, pa.DataType] | None, decimal_point: str) -> pa.Table:
    return pyarrow.csv.read_csv(
        file,
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types, decimal_point=decimal_point),
    )


def _has_decimal_commas(values: pa.ChunkedArray) -> bool:
    """Whether a column has only numbers such as `1,5`, at least one."""
    if not pa.types.is_string(values.type):
        return False
    present = values.filter(pc.not_equal(values, ""))
    return bool(len(present)) and bool(pc.all(pc.match_substring_regex(present, _DECIMAL_COMMA)).as_py())


def _ragged(file: str, delimiter: str) -> BadInput | None:
    """The error that names the lines with more or fewer columns than the first line, if there are any.

    A quote without its end makes one value of all that follows it.
    """
    ragged = []
    with open(file, encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        columns, first = 0, 1
        try:
            for row in reader:
                columns = columns or len(row)
                if row and len(row) != columns:
                    ragged.append(f"{file}:{first}: {plural(len(row), 'column')}")
                first = reader.line_num + 1
        except csv.Error:  # of a value longer than any that is meant
            ragged.append(f"{file}:{first}: a quote without its end")
    if not ragged:
        return None
    return BadInput(
        f"rows must have {plural(columns, 'column')}, as the first line has:\n{listed(ragged)}",
        hint="complete or remove these rows; a value that contains the separator needs quotes, and each quote its end",
    )

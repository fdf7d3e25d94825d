"""Tables of image files and their labels: CSV (also with semicolons or tabs) and Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workers.data.files.csv_table import read_csv
from workers.data.files.damage import listed
from workers.data.files.labels import is_label, plain, read_labels
from workers.data.files.parquet_table import damaged
from workers.errors import InputError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "img_path")
LABELS = ("label", "labels", "class", "class_name", "category", "target")
SPLITS = ("split", "part", "subset", "fold")


class PathTable(NamedTuple):
    """Rows of a table: paths with forward slashes, labels of any type, and the part of each (None without a column).

    `written` are the labels as the file has them.
    """

    paths: list[str]
    labels: pa.ChunkedArray
    written: list[str]
    parts: list[str] | None

    def take(self, rows: Sequence[int]) -> PathTable:
        """Some rows, in that order."""
        parts = None if self.parts is None else [self.parts[row] for row in rows]
        return PathTable(
            [self.paths[row] for row in rows],
            self.labels.take(pa.array(rows, pa.int64())),
            [self.written[row] for row in rows],
            parts,
        )


def read_path_table(
    file: str, path_column: str | None, label_column: str | None, split_column: str | None
) -> PathTable:
    """Read a table whose columns are given, or have usual names.

    Raises InputError if the table or a column is missing, or rows have no path or label, BadInput for a damaged table.
    """
    table = _read(file)
    where = f"`{file}`"
    path_name = _column(table, path_column, "path_column", PATHS, where)
    label_name = _column(table, label_column, "label_column", LABELS, where)
    if not is_label(table.schema.field(label_name).type):
        kind = table.schema.field(label_name).type
        raise InputError(f"`label_column` of {where} must hold one label in each row, not {kind}: `{label_name}`")
    labels = read_labels(table.column(label_name), f"column `{label_name}` of {where}")
    texts = table if _is_parquet(file) else read_csv(file, dict.fromkeys(table.column_names, pa.string()))
    paths = [text.replace("\\", "/") for text in _texts(texts, path_name, where)]
    if "" in paths:
        raise InputError(f"column `{path_name}` of {where} has rows without a path: {paths.count(''):,}")
    _check_repeated(paths, labels.to_pylist(), where)
    return PathTable(paths, labels, _texts(texts, label_name, where), _parts(texts, split_column, where))


def check_spelling(tables: Sequence[PathTable], where: str) -> None:
    """Raise InputError for labels that are equal as values and differ as text: `1` and `01`, or `cat` and `cat `.

    They may be one class or two. `where` names the labels.
    """
    spellings: dict[object, set[str]] = {}
    for table in tables:
        for label, text in zip(table.labels.to_pylist(), table.written, strict=True):
            is_text = isinstance(label, str)
            spelling = text if is_text else text.strip().lower().removesuffix(".0")
            spellings.setdefault(label.strip() if is_text else label, set()).add(spelling)
    several = [sorted(texts) for texts in spellings.values() if len(texts) > 1]
    if several:
        lines = [", ".join(f"`{text}`" for text in texts) for texts in several]
        raise InputError(
            f"{where} has labels that may be one class or several:\n{listed(lines)}",
            hint="write each class in one way; put a letter before numbers that are different classes",
        )


def _is_parquet(file: str) -> bool:
    return file.lower().endswith(".parquet")


def _read(file: str) -> pa.Table:
    if not os.path.isfile(file):
        what = "must be a file, not a folder or a pipe" if os.path.exists(file) else "not found"
        raise InputError(f"`path` {what}: `{file}`", hint="give a CSV or Parquet file with paths and labels of images")
    try:
        table = pq.read_table(file, partitioning=None) if _is_parquet(file) else read_csv(file)
    except (pa.ArrowException, OSError) as error:
        raise damaged(file, error) from error
    if not table.num_rows:
        raise InputError(f"`{file}` has no rows", hint="each row must have the path and the label of an image")
    return table


def _column(table: pa.Table, given: str | None, argument: str, usual: Sequence[str], where: str) -> str:
    columns = ", ".join(f"`{name}`" for name in table.column_names)
    if given is not None:
        if given not in table.column_names:
            raise InputError(f"`{argument}` not found in {where}: `{given}`", hint=f"the columns are {columns}")
        return given
    names = [name for name in table.column_names if name.strip().lower() in usual]
    if len(names) != 1:
        raise InputError(
            f"`{argument}` must be given for {where}, whose columns are {columns}",
            hint="the first line of a CSV file must name its columns",
        )
    return names[0]


def _parts(table: pa.Table, given: str | None, where: str) -> list[str] | None:
    usual = [name for name in table.column_names if name.strip().lower() in SPLITS]
    if given is None and len(usual) != 1:
        return None
    name = _column(table, given, "split_column", SPLITS, where)
    return [text.strip() for text in _texts(table, name, where)]


def _texts(table: pa.Table, name: str, where: str) -> list[str]:
    """A column as text, empty where it has no value. Raises InputError for values that are not text."""
    column = f"column `{name}` of {where}"
    try:
        texts: list[str | None] = pc.cast(plain(table.column(name), column), pa.string()).to_pylist()
    except pa.ArrowException as error:
        hint = "name another column, or write its values as text"
        raise InputError(f"{column} must hold text, not {table.schema.field(name).type}", hint=hint) from error
    return [text or "" for text in texts]


def _check_repeated(paths: Sequence[str], labels: Sequence[object], where: str) -> None:
    """A file that is listed twice must have the same label."""
    first: dict[str, object] = {}
    differing = [path for path, label in zip(paths, labels, strict=True) if first.setdefault(path, label) != label]
    if differing:
        raise InputError(
            f"{where} gives several labels to one file:\n{listed(sorted(set(differing)))}", hint="keep one row of each"
        )

"""Texts of CSV that a spreadsheet would run: `=HYPERLINK(…)`, `@SUM(…)`, `+cmd|…`. They get an apostrophe in front.

Numbers stay, also negative ones. Parquet, JSON and workbooks have types, so that their texts stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA = r"^\s*[=+@-]"  # both in the syntax that Python and Arrow share
_NUMBER = r"^\s*[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?\s*$"


def without_formula(value: Any) -> Any:
    """A value of a cell; of a text that begins like a formula, the same behind an apostrophe."""
    if isinstance(value, str) and re.match(_FORMULA, value) and not re.match(_NUMBER, value):
        return f"'{value}"
    return value


def without_formulas(rows: pa.Table) -> pa.Table:
    """The same for all texts of a table."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            texts = rows.column(column).cast(pa.string())
            is_number = pc.match_substring_regex(texts, _NUMBER)
            is_formula = pc.and_not(pc.match_substring_regex(texts, _FORMULA), is_number)
            marked = pc.binary_join_element_wise("'", texts, "")
            rows = rows.set_column(column, field.name, pc.if_else(is_formula, marked, texts))
    return rows

"""Text in a column that was meant to hold numbers."""

from __future__ import annotations

import re

import pyarrow as pa

from workers.text import cut

_LIKE_A_NUMBER = re.compile(r"\s*[-+$€£]?\s*\d[\d.,' ]*\s*%?\s*")
"""Numbers, also with commas, spaces, a sign of a currency or percent."""


def misread(values: pa.ChunkedArray) -> str:
    """The first text that keeps a column of numbers from being read as numbers, quoted; empty without one.

    Such are `?` among numbers, and `1,5`. Nothing of a column whose texts are mostly something else.
    """
    texts = _texts(values)
    if sum(_LIKE_A_NUMBER.fullmatch(text) is not None for text in texts) * 2 <= len(texts):
        return ""
    return first_other(values)


def first_other(values: pa.ChunkedArray) -> str:
    """The first text in a column that is not a number, quoted; empty without one."""
    other = next((text for text in _texts(values) if not _is_number(text)), None)
    return "" if other is None else f"`{cut(other, 40)}`"


def _texts(values: pa.ChunkedArray) -> list[str]:
    """The distinct texts of a column that are not empty; none of a column of something else."""
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return [text for text in values.unique().to_pylist() if text] if is_text else []


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

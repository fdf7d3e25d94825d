"""Expressions that pick cells: `technique=lr_rewinding,compression>=8`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from orchestrator.planning.cells import CELLS
from workers.errors import InputError
from workers.registry import closest

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TERM = re.compile(r"\s*([a-z_]+)\s*(!=|>=|<=|=|>|<)\s*(.+?)\s*")
_BETWEEN_TERMS = re.compile(r",(?![^()]*\))")  # commas in `resnet8(depth=8, width=8)` are part of the value
TRIAL_LETTER = "t"
"""Begins the id of a trial in a CSV file."""

_LETTERED = re.compile(rf"{TRIAL_LETTER}[0-9a-f]+")

_COLUMNS = [name for name in CELLS.names if name not in ("trial", "step", "lineage", "dense_trial", "dense_step")]


def selector(expression: str) -> Callable[[Mapping[str, Any]], bool]:
    """A predicate on rows of `CELLS`, true if every comma-separated term is.

    `=` takes alternatives (`technique=fine_tuning|lr_rewinding`), and compares numbers as tables show them: to the
    decimals that are given, else to six digits. Raises InputError for an unknown column, operator or value.
    """
    terms = [_term(text) for text in _BETWEEN_TERMS.split(expression)]
    return lambda row: all(term(row) for term in terms)


def check_picked(picked: bool, expression: str) -> None:
    """Raise InputError for a selection that picked nothing, which is most likely a typing error."""
    if not picked:
        raise InputError(f"no cell matches `{expression}`", hint="see the values with `prunesweep table --format csv`")


def _term(text: str) -> Callable[[Mapping[str, Any]], bool]:
    match = _TERM.fullmatch(text)
    if not match:
        raise InputError(
            f"cannot read the term `{text}`", hint="write terms such as `technique=lr_rewinding,compression>=8`"
        )
    column, symbol, wanted = match.groups()
    if column not in _COLUMNS:
        raise InputError(f"unknown column `{column}`", hint=closest(column, _COLUMNS))
    compare = _OPERATORS[symbol]
    if pa.types.is_string(CELLS.field(column).type):
        if symbol not in ("=", "!="):
            raise InputError(f"cannot compare text with `{symbol}`: `{text}`", hint=f"use `=` or `!=` for `{column}`")
        alternatives = wanted.split("|")
        return lambda row: (row[column] in alternatives) == (symbol == "=")
    numbers = [_number(part, text) for part in wanted.split("|")]
    if symbol in ("=", "!="):
        within = [(number, _tolerance(part)) for number, part in zip(numbers, wanted.split("|"), strict=True)]
        return lambda row: (
            row[column] is not None
            and any(abs(_rounded(row[column]) - number) <= tolerance for number, tolerance in within) == (symbol == "=")
        )
    return lambda row: row[column] is not None and compare(_rounded(row[column]), numbers[0])


def _number(text: str, term: str) -> float:
    try:
        return _rounded(float(text))
    except ValueError:
        raise InputError(f"cannot read a number in `{term}`: `{text}`") from None


def _tolerance(text: str) -> float:
    """How far a number may be from one typed with decimals: `9.31` matches 9.3132, but `4` only 4."""
    decimals = len(text.strip().partition(".")[2])
    return 0.5001 * 10**-decimals if decimals else 0.0


def _rounded(number: float) -> float:
    """A number to six significant digits."""
    return float(f"{number:.6g}")


def bare_id(text: str) -> str:
    """An id of a trial, or its beginning, as stores have it: CSV files have a letter in front of it."""
    return text.removeprefix(TRIAL_LETTER) if _LETTERED.fullmatch(text) else text

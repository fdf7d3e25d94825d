"""Expressions that pick cells: `technique=lr_rewinding,compression>=8`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa

from orchestrator.planning.cells import CELLS
from orchestrator.sweep.synonyms import pointers
from orchestrator.sweep.values import exact_text, parse_ratio
from workers.errors import InputError, collecting, raise_all
from workers.registry import closest, misspelled
from workers.techniques import DENSE, TECHNIQUES

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_MIRRORED = {"=": "=", "!=": "!=", ">=": "<=", "<=": ">=", ">": "<", "<": ">"}
_COMPLEMENTS = ("sparsity", "amount", "pruning_ratio")
"""What other programs call 1 − density."""

_TERM = re.compile(r"\s*([a-z_]+)\s*(!=|>=|<=|=|>|<)\s*(.+?)\s*")
_BETWEEN_TERMS = re.compile(r",(?![^()]*\))")  # commas in `resnet8(depth=8, width=8)` are part of the value
TRIAL_LETTER = "t"
"""Begins the id of a trial in a CSV file."""

_LETTERED = re.compile(rf"{TRIAL_LETTER}[0-9a-f]+")

_MOST_VALUES = 20
_COLUMNS = [name for name in CELLS.names if name not in ("trial", "step", "lineage", "dense_trial", "dense_step")]


def selector(expression: str) -> Callable[[Mapping[str, Any]], bool]:
    """A predicate on rows of `CELLS`, true if every comma-separated term is.

    `=` takes alternatives (`technique=fine_tuning|lr_rewinding`), and compares numbers as tables show them: to the
    decimals that are given, else to six digits; `8x`, `8×` and `25%` are numbers, too. Raises InputError for
    all unknown columns, operators and values.
    """
    terms: list[Callable[[Mapping[str, Any]], bool]] = []
    errors: list[InputError] = []
    for text in _BETWEEN_TERMS.split(expression):
        with collecting(errors):
            terms.append(_term(text))
    raise_all(errors)
    return lambda row: all(term(row) for term in terms)


def columns_of(expression: str) -> list[str]:
    """The columns that an expression compares."""
    terms = map(_TERM.fullmatch, _BETWEEN_TERMS.split(expression))
    return list(dict.fromkeys(term[1] for term in terms if term))


def check_picked(picked: bool, expression: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Raise InputError for a selection that picked none of the rows; it lists the values that there are."""
    if not picked:
        raise InputError(f"no cell matches `{expression}`", hint=_values_hint(expression, list(rows)))


def _values_hint(expression: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The values of each column for which no row has what is wanted."""
    listed = []
    for text in _BETWEEN_TERMS.split(expression):
        match, picks = _TERM.fullmatch(text), _term(text)
        if match and not any(map(picks, rows)):
            values = dict.fromkeys(row[match[1]] for row in rows if row[match[1]] is not None)
            words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
            more = f" and {len(words) - _MOST_VALUES} more" if len(words) > _MOST_VALUES else ""
            near = misspelled(match[3], words)
            meant = f" (did you mean `{near}`?)" if near else ""
            listed.append(f"`{match[1]}` is one of: {', '.join(words[:_MOST_VALUES])}{more}{meant}")
    if not rows or not listed:
        return "see the values with `prunesweep table --format csv`"
    return "; ".join(listed)


def _term(text: str) -> Callable[[Mapping[str, Any]], bool]:
    match = _TERM.fullmatch(text)
    if not match and text.strip() in (*TECHNIQUES, DENSE):
        raise InputError(f"`{text.strip()}` is not a filter", hint=f"write `technique={text.strip()}`")
    if not match:
        raise InputError(
            f"cannot read the term `{text}`", hint="write terms such as `technique=lr_rewinding,compression>=8`"
        )
    column, symbol, wanted = match.groups()
    if column not in _COLUMNS:
        raise InputError(f"unknown column: `{column}`", hint=_meant(column, symbol, wanted))
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


def _meant(column: str, symbol: str, wanted: str) -> str:
    """The hint for an unknown column: the term that is meant, if another word for a column is known."""
    if column in _COMPLEMENTS:
        with suppress(ValueError):
            kept = exact_text(100 * (1 - parse_ratio(wanted)))
            return f"write `density{_MIRRORED[symbol]}{kept}%`: density is 1 − {column}"
    return next(iter(pointers(column, _COLUMNS)), "") or closest(column, _COLUMNS)


def _number(text: str, term: str) -> float:
    plain = text.strip()
    try:
        if plain.endswith("%"):
            return _rounded(float(plain[:-1]) / 100)
        return _rounded(float(_plain(plain)))
    except ValueError:
        raise InputError(f"cannot read a number in `{term}`: `{text}`") from None


def _tolerance(text: str) -> float:
    """How far a number may be from one typed with decimals: `9.31` matches 9.3132, but `4` only 4."""
    percent = text.strip().endswith("%")
    decimals = len(_plain(text.strip().removesuffix("%")).partition(".")[2])
    return 0.5001 * 10 ** -(decimals + 2 if percent else decimals) if decimals else 0.0


def _plain(text: str) -> str:
    """A number without the sign that tables put after a compression."""
    return text.removesuffix("×").removesuffix("x")


def _rounded(number: float) -> float:
    """A number to six significant digits."""
    return float(f"{number:.6g}")


def bare_id(text: str) -> str:
    """An id of a trial, or its beginning, as stores have it: CSV files have a letter in front of it."""
    return text.removeprefix(TRIAL_LETTER) if _LETTERED.fullmatch(text) else text

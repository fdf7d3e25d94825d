"""One cell of a store, named by an expression, by its trial's id, or in the words of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.planning.select import bare_id, check_picked, selector
from orchestrator.results.frame import IDENTITY
from workers.errors import InputError

Row = Mapping[str, Any]

_NAMES = ("pruning", "dataset", "network", "recipe", "technique", "schedule", "budget", "sweep")
_SEPARATORS = " ,·\t"


def pick(rows: Sequence[Row], cell: str, location: str) -> Row:
    """The one row that `cell` picks; of several rows with the same network, the newest.

    `cell` is the id of a trial or the beginning of one, or `TRIAL@STEP`; or what status and tables call the cell, such
    as `lr_rewinding 16× 90%, replicate 0`; or an expression (see `planning.select`). Raises InputError unless it picks
    one cell.
    """
    picked = _by_id(rows, cell) or [row for row in rows if _is_described(row, cell)]
    if not picked and re.search("[=<>]", cell):
        wanted = selector(cell)
        picked = [row for row in rows if wanted(row)]
        check_picked(bool(picked), cell, rows)
    if not picked:
        hint = (
            "give a trial's id, which `prunesweep export` lists, or words such as `lr_rewinding 16× 90% replicate 0`, "
            "or `technique=…,replicate=…`"
        )
        raise InputError(f"store `{location}` has no cell `{cell}`", hint=hint)
    stops = {(row["trial"], row["step"]): row for row in reversed(picked)}
    if len(stops) > 1:
        raise _ambiguous(cell, list(stops.values())[::-1])
    [row] = stops.values()
    return row


def _by_id(rows: Sequence[Row], cell: str) -> list[Row]:
    trial, _, step = cell.partition("@")
    trial = bare_id(trial)
    return [row for row in rows if trial and row["trial"].startswith(trial) and step in ("", str(row["step"]))]


def _is_described(row: Row, words: str) -> bool:
    """Whether words say nothing but what a row is."""
    for label in sorted(_labels(row), key=len, reverse=True):
        words = re.sub(rf"(?<![\w.]){re.escape(label)}(?![\w.])", " ", words, count=1)
    return not words.strip(_SEPARATORS)


def _labels(row: Row) -> Iterator[str]:
    yield from (str(row[name]) for name in _NAMES if row[name] is not None)
    yield f"replicate {row['replicate']}"
    yield f"round {row['round']}"
    for digits in {f"{row['compression']:.4g}", f"{row['compression']:.2f}".rstrip("0").rstrip(".")}:
        yield f"{digits}×"
        yield f"{digits}x"


def _ambiguous(cell: str, rows: Sequence[Row]) -> InputError:
    values = {name: list(dict.fromkeys(_shown(row[name]) for row in rows)) for name in IDENTITY}
    differing = {name: texts for name, texts in values.items() if len(texts) > 1}
    lists = ", ".join(f"`{name}` ({_some(texts)})" for name, texts in differing.items())
    first = ",".join(f"{name}={_shown(rows[0][name])}" for name in differing if rows[0][name] is not None)
    return InputError(
        f"`{cell}` must pick one cell, but picks {len(rows):,}; they differ in {lists}",
        hint=f"name one of each, for example `{first}`, or `{rows[0]['trial']}@{rows[0]['step']}`",
    )


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _some(values: Sequence[str]) -> str:
    return ", ".join(values[:6]) + (f" and {len(values) - 6:,} more" if len(values) > 6 else "")

"""The details of records, layers and learning curves: each is a file, so only those that the page shows are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from orchestrator.results.page.grids import Record
from workers.errors import CorruptFile
from workers.store import Store
from workers.store.layout import RecordKey


class LayerDensity(NamedTuple):
    """A prunable layer, and the share of its weights that is kept: the median over replicates."""

    name: str
    density: float


def curve_of(store: Store, row: Record, *, dense: bool = False) -> list[dict[str, Any]]:
    """The learning curve of a row's trial up to its stop, or of its dense network; empty if it is not there."""
    key = RecordKey(row["dense_trial"], row["dense_step"], row["evaluation"]) if dense else _key(row)
    return list(_detail(store, key).get("curve") or [])


def layers_of(store: Store, rows: Sequence[Record]) -> list[LayerDensity]:
    """The layers of some replicates in network order; empty if none has them."""
    from statistics import median

    shares: dict[str, list[float]] = {}
    for row in rows:
        for layer in _detail(store, _key(row)).get("layers") or []:
            if layer["weights"]:
                shares.setdefault(layer["layer"], []).append(layer["kept"] / layer["weights"])
    return [LayerDensity(name, median(values)) for name, values in shares.items()]


def _detail(store: Store, key: RecordKey) -> dict[str, Any]:
    try:
        return store.records.detail(key)
    except CorruptFile:
        return {}


def _key(row: Record) -> RecordKey:
    return RecordKey(row["trial"], row["step"], row["evaluation"])

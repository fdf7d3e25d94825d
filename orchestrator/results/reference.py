"""The published results of the paper's study, which come with the package, as rows like those of a store.

`orchestrator/reference/renda2020.parquet` has 22,590 pruned networks and 1,180 dense ones (Renda, Frankle, Carbin 2020;
its metadata name the source). Its rows differ from those of a store:

- `metric` is `accuracy`, or `bleu` for gnmt.
- The study does not say which dense network a pruned one came from, so `dense_trial` is null: `dense_*` are medians
  over all dense networks of the task, and differences are from those, as in the paper's own aggregation.
- `trial` is the row in the file, and `step` is null. Columns about machines, times and weights are missing.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa

from orchestrator.planning.cells import CELLS
from orchestrator.results.score_columns import SCORES, by_name, changes, metric_columns
from orchestrator.results.statistics import group_by, summarize
from workers.metrics.facts import KNOWN_ACCURACY, KNOWN_BLEU
from workers.techniques import DENSE, TECHNIQUES
from workers.trial import ACCURACY

RENDA2020 = "renda2020"
_TASK = ("dataset", "network")
_RENAMED = {"test_accuracy": "test_score", "validation_accuracy": "validation_score"}


class Citation(NamedTuple):
    """Where published results come from, and on what terms."""

    title: str
    authors: str
    venue: str
    paper: str
    data: str
    license: str
    changes: str

    def __str__(self) -> str:
        surnames = ", ".join(author.split()[-1] for author in self.authors.split(", "))
        return f"{surnames}: {self.title}, {self.venue}, {self.paper}"


def citation() -> Citation:
    """Who published `renda2020`, where, and on what terms."""
    metadata = _read().schema.metadata
    return Citation(**{name: metadata[name.encode()].decode() for name in Citation._fields})


@cache  # tables, figures and pages of one process read it again and again
def published() -> pa.Table:
    """The study's results: its columns of `orchestrator.results.frame.join`, and `metric`."""
    table = _as_scores(_read())
    rows = table.drop_columns(["pruning", "schedule", "replicate", "paper_flops", "sparse_paper_flops"]).to_pylist()
    medians = _dense_medians(rows)
    columns: dict[str, Any] = {name: table.column(name) for name in table.column_names}
    columns |= {
        "recipe": [RENDA2020] * len(rows),
        "compression": [1 / row["density"] for row in rows],
        "budget": [None if row["budget_epochs"] is None else f"{row['budget_epochs']:g}ep" for row in rows],
        "search_cost_epochs": [_search_cost(row) for row in rows],
        "trial": [f"{RENDA2020}:{number}" for number in range(len(rows))],
        "step": pa.nulls(len(rows), pa.int64()),
        "evaluation": [RENDA2020] * len(rows),
        "dense_trial": pa.nulls(len(rows), pa.string()),
        "sweep": [RENDA2020] * len(rows),
        "done": [True] * len(rows),
        "failure": pa.nulls(len(rows), pa.string()),
        "failed_trial": pa.nulls(len(rows), pa.string()),
        "same_run_as": pa.nulls(len(rows), pa.string()),
        "mixed_parents": [False] * len(rows),
    }
    for name in SCORES:
        dense = [medians[row["dataset"], row["network"]][name] for row in rows]
        columns[f"dense_{name}"] = pa.array(dense, pa.float64())
        columns[f"delta_{name}"] = changes(columns[name], columns[f"dense_{name}"], columns["metric_unit"])
    columns |= by_name(columns | {"other_scores": pa.nulls(len(rows))}, [None] * len(rows))
    ordered = [name for name in CELLS.names if name in columns]
    ordered += [name for name in columns if name not in ordered]
    return pa.table({name: columns[name] for name in ordered}, metadata=table.schema.metadata)


def _as_scores(table: pa.Table) -> pa.Table:
    """The study's file with the columns of records: its metrics are `accuracy` and `BLEU`."""
    metrics = [KNOWN_ACCURACY if name == ACCURACY else KNOWN_BLEU for name in table.column("metric").to_pylist()]
    columns = {_RENAMED.get(name, name): table.column(name) for name in table.column_names}
    return pa.table(columns | metric_columns(metrics), metadata=table.schema.metadata)


def _dense_medians(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, float | None]]:
    """The median of each split over the dense networks of each task."""
    dense = group_by([row for row in rows if row["technique"] == DENSE], itemgetter(*_TASK))
    return {
        task: {name: summarize([row[name] for row in members]).median for name in SCORES}
        for task, members in dense.items()
    }


def _search_cost(row: dict[str, Any]) -> float:
    """Epochs of retraining: each round of iterative pruning costs t, and a fresh start T + t."""
    if row["technique"] == DENSE:
        return 0.0
    from_scratch = row["dense_epochs"] if TECHNIQUES[row["technique"]].start == "fresh" else 0.0
    return float(row["round"] * row["budget_epochs"] + from_scratch)


def _read() -> pa.Table:
    import pyarrow.parquet as pq

    data = files("orchestrator").joinpath("reference", f"{RENDA2020}.parquet").read_bytes()
    return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)  # read_table imports pandas

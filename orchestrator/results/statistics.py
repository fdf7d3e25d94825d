"""Replicates to statistics, and the budget that validation chooses.

A group is what replicates share: its rows differ in `replicate` alone. Rows are mappings with the columns of
`orchestrator.results.frame.join`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SECTION = ("dataset", "network", "recipe", "pruning", "schedule")
GROUP = (*SECTION, "technique", "compression", "budget")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of a group's `n` values; all null unless `n` is `n_expected`. `sd` (n − 1) needs two values."""

    n: int
    n_expected: int
    median: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    sd: float | None = None

    @property
    def complete(self) -> bool:
        return 0 < self.n == self.n_expected


def summarize(values: Sequence[float | None]) -> Summary:
    """Statistics of one value for each expected replicate: null (or NaN) where it is missing."""
    present = sorted(value for value in values if value is not None and not math.isnan(value))
    n = len(present)
    if n < len(values) or n == 0:
        return Summary(n, len(values))
    mean = math.fsum(present) / n
    return Summary(
        n=n,
        n_expected=n,
        median=(present[(n - 1) // 2] + present[n // 2]) / 2,
        minimum=present[0],
        maximum=present[-1],
        mean=mean,
        sd=math.sqrt(math.fsum((value - mean) ** 2 for value in present) / (n - 1)) if n > 1 else None,
    )


def group_by(rows: Iterable[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by the values of some columns, in order of first occurrence."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in columns), []).append(row)
    return groups


def best_budget(groups: Iterable[Sequence[Row]]) -> Sequence[Row] | None:
    """Of groups that differ in their budget, the one with the highest median validation accuracy.

    Ties go to the shortest budget; only groups whose replicates are all done are candidates; None if there are
    none. (The paper's protocol: chosen on validation, reported on test.)
    """
    candidates = []
    for rows in groups:
        median = summarize([row["validation_accuracy"] for row in rows]).median
        if median is not None:
            candidates.append((median, -rows[0]["budget_epochs"], rows))
    return max(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None

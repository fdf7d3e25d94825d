"""Statistics over replicates, and what a table can show.

A group is what replicates share: its rows differ in `replicate` alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

SECTION = ("dataset", "network", "recipe", "pruning", "schedule")
"""The columns that tell one grid from another."""

Value = Literal["score", "accuracy", "delta"]
"""What is shown: scores, under that name or an older one, or their difference from those of the dense networks."""

Statistic = Literal["median", "mean", "ci"]
Split = Literal["test", "validation"]

_Row = TypeVar("_Row")
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class ReplicateSummary:
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


def summarize(values: Sequence[float | None]) -> ReplicateSummary:
    """Statistics of one value for each expected replicate: null (or NaN) where it is missing."""
    present = sorted(value for value in values if value is not None and not math.isnan(value))
    n = len(present)
    if n < len(values) or n == 0:
        return ReplicateSummary(n, len(values))
    mean = math.fsum(present) / n
    return ReplicateSummary(
        n=n,
        n_expected=n,
        median=(present[(n - 1) // 2] + present[n // 2]) / 2,
        minimum=present[0],
        maximum=present[-1],
        mean=mean,
        sd=math.sqrt(math.fsum((value - mean) ** 2 for value in present) / (n - 1)) if n > 1 else None,
    )


def group_by(rows: Iterable[_Row], key: Callable[[_Row], _Key]) -> dict[_Key, list[_Row]]:
    """Rows by what `key` gives for each, in order of first occurrence."""
    groups: dict[_Key, list[_Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups

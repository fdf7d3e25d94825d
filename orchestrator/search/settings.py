"""What `prunesweep prune` was asked for. A store keeps it with the sweep of the search."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from orchestrator.results.score_columns import primary_metric
from orchestrator.results.tolerance import Tolerance
from workers.errors import InputError
from workers.metrics.facts import KNOWN_ACCURACY, MetricFacts
from workers.text import plural

DEFAULT_RATE = "20%"
"""The share of the remaining weights that a round prunes, as in Algorithm 1 of Renda, Frankle, Carbin (ICLR 2020)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchSettings:
    """How far and how to prune: see `orchestrator.api.prune`.

    `name` is the name of the sweep file's sweep, `tolerance` what `Tolerance.of` takes, `to` the folder for the network
    (None: next to the store).
    """

    name: str
    tolerance: float | str
    rate: str = DEFAULT_RATE
    replicates: int = 1
    max_rounds: int | None = None
    to: str | None = None
    metric: MetricFacts = KNOWN_ACCURACY

    @classmethod
    def of(cls, kept: dict[str, Any]) -> SearchSettings | None:
        """The settings in a sweep that a store keeps; None if it does not come from a search."""
        search = kept.get("search")
        if not search:
            return None
        return cls(**{name: search[name] for name in cls.__slots__ if name != "metric"}, metric=primary_metric(kept))

    def check(self) -> None:
        """Raise InputError for a tolerance or a number of rounds that makes no sense."""
        Tolerance.of(self.tolerance)
        if self.max_rounds is not None and self.max_rounds < 1:
            raise InputError(f"`max_rounds` must be at least 1: {self.max_rounds}", hint="omit it for no limit")

    @property
    def within(self) -> Tolerance:
        return Tolerance.of(self.tolerance)

    def to_json(self) -> dict[str, Any]:
        """What a store keeps: all but the metric, which the sweep file has."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "metric"}

    def command(self, sweep: str, store: str | None) -> str:
        """The command line that continues the search of a sweep file."""
        given = {
            "store": store,
            "rate": None if self.rate == DEFAULT_RATE else self.rate,
            "replicates": None if self.replicates == 1 else self.replicates,
            "max-rounds": self.max_rounds,
            "to": self.to,
        }
        words = ["prunesweep", "prune", sweep, "--tolerance", str(self.within)]
        words += [str(word) for name, value in given.items() if value is not None for word in (f"--{name}", value)]
        return shlex.join(words)

    def __str__(self) -> str:
        limit = "" if self.max_rounds is None else f", at most {plural(self.max_rounds, 'round')}"
        return (
            f"prune {self.rate} per round until validation {self.metric.title} {self.metric.worsens} by more "
            f"than {self.within.in_words(self.metric)}{limit}"
        )

"""What `prunesweep prune` was asked for. A store keeps it with the sweep of the search."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from workers.errors import InputError
from workers.text import plural

DEFAULT_RATE = "20%"
"""The share of the remaining weights that a round prunes, as in Algorithm 1 of Renda, Frankle, Carbin (ICLR 2020)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchSettings:
    """How far and how to prune: see `orchestrator.api.prune`.

    `name` is the name of the sweep file's sweep, `to` the folder for the network (None: next to the store).
    """

    name: str
    tolerance: float
    rate: str = DEFAULT_RATE
    replicates: int = 1
    max_rounds: int | None = None
    to: str | None = None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> SearchSettings | None:
        """The settings in a sweep that a store keeps; None if it does not come from a search."""
        search = kept.get("search")
        return cls(**{name: search[name] for name in cls.__slots__}) if search else None

    def check(self) -> None:
        """Raise InputError for a tolerance or a number of rounds that makes no sense."""
        if not 0 <= self.tolerance <= 100:
            raise InputError(
                f"the tolerance must be between 0 and 100 points of accuracy: {self.tolerance}", hint="write `0.5`"
            )
        if self.max_rounds is not None and self.max_rounds < 1:
            raise InputError(f"`max_rounds` must be at least 1: {self.max_rounds}", hint="omit it for no limit")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def command(self, sweep: str, store: str | None) -> str:
        """The command line that continues the search of a sweep file."""
        given = {
            "store": store,
            "rate": None if self.rate == DEFAULT_RATE else self.rate,
            "replicates": None if self.replicates == 1 else self.replicates,
            "max-rounds": self.max_rounds,
            "to": self.to,
        }
        words = ["prunesweep", "prune", sweep, "--tolerance", f"{self.tolerance:.10g}"]
        words += [str(word) for name, value in given.items() if value is not None for word in (f"--{name}", value)]
        return shlex.join(words)

    def __str__(self) -> str:
        limit = "" if self.max_rounds is None else f", at most {plural(self.max_rounds, 'round')}"
        return (
            f"prune {self.rate} per round until validation accuracy falls by more than {self.tolerance:g} points{limit}"
        )

"""What `prunesweep prune` was asked for, as a store keeps it with the sweep that the search makes."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from workers.text import plural


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchSettings:
    """How far and how to prune; `orchestrator.api.prune` has the meanings. `name` is the name in the sweep file, and
    `to` the folder for the network found (None: beside the store).
    """

    name: str
    tolerance: float
    rate: str = "20%"
    replicates: int = 1
    max_rounds: int | None = None
    to: str | None = None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> SearchSettings | None:
        """Those of a sweep that a store keeps; None for one that is no search."""
        search = kept.get("search")
        return cls(**{name: search[name] for name in cls.__slots__}) if search else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def command(self, sweep: str, store: str | None) -> str:
        """The command line that goes on with the search of a sweep file."""
        given = {
            "store": store,
            "rate": None if self.rate == "20%" else self.rate,
            "replicates": None if self.replicates == 1 else self.replicates,
            "max-rounds": self.max_rounds,
            "to": self.to,
        }
        words = ["prunesweep", "prune", sweep, "--tolerance", f"{self.tolerance:.10g}"]
        words += [str(word) for name, value in given.items() if value is not None for word in (f"--{name}", value)]
        return shlex.join(words)

    def __str__(self) -> str:
        limit = "" if self.max_rounds is None else f", {plural(self.max_rounds, 'round')} at most"
        return (
            f"prune {self.rate} a round until validation accuracy falls by more than {self.tolerance:g} points{limit}"
        )

"""How much of a network a sweep may prune: the base of every compression that it reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.planning.crossing import Crossing
from orchestrator.sweep.spec import spec_from_dict
from workers.errors import PrunesweepError
from workers.store import Store

_ENOUGH = 0.9


@dataclass(frozen=True, slots=True)
class Share:
    """The prunable weights of a network on a data set, and all of its parameters.

    `pruning` is the way to prune, None where all ways to prune of a sweep have the same weights in question.
    """

    dataset: str
    network: str
    pruning: str | None
    prunable: int
    parameters: int

    @property
    def is_low(self) -> bool:
        """Whether a compression says little about the whole network."""
        return self.prunable < _ENOUGH * self.parameters

    @property
    def counts(self) -> str:
        """`271,152 of 272,762 parameters, 99%`."""
        return f"{self.prunable:,} of {self.parameters:,} parameters, {self._percent()}%"

    @property
    def warning(self) -> str:
        return (
            f"only part of {self.network} can be pruned ({self.counts}), and a compression counts only that part; "
            "`prunesweep plan --layers` lists the rest"
        )

    def __str__(self) -> str:
        way = f", pruning {self.pruning}" if self.pruning else ""
        return f"Prunable in {self.network} on {self.dataset}{way}: {self.counts}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def _percent(self) -> str:
        """Whole percent, unless that would hide that some parameters are prunable, some not, or too few."""
        percent = 100 * self.prunable / self.parameters
        hides = round(percent) == 0 or (round(percent) in (90, 100) and percent < round(percent))
        if not hides:
            return f"{percent:.0f}"
        return f"{percent:.2f}" if round(percent, 2) < 100 else "99.99"  # not all: never rounded up to 100


def merged(shares: Iterable[Share]) -> list[Share]:
    """Each network on each data set once, unless ways to prune differ in what they may prune."""
    by_task: dict[tuple[str, str], dict[str | None, Share]] = {}
    for share in shares:
        by_task.setdefault((share.dataset, share.network), {}).setdefault(share.pruning, share)
    result: list[Share] = []
    for (dataset, network), ways in by_task.items():
        counts = {(share.prunable, share.parameters) for share in ways.values()}
        result += ways.values() if len(counts) > 1 else [Share(dataset, network, None, *counts.pop())]
    return result


def shares(crossing: Crossing) -> list[Share]:
    """The shares of a sweep; none of a network whose facts do not say how many parameters it has."""
    rows = []
    for setting, answer in crossing:
        if (parameters := answer.facts["network"].get("parameters")) is not None:
            labels = setting.dataset.label, setting.network.label, setting.pruning.label
            rows.append(Share(*labels, sum(answer.layers.values()), parameters))
    return merged(rows)


def kept_shares(sweep: Mapping[str, Any], store: Store) -> list[Share]:
    """The shares of a resolved sweep that a store keeps; none where its facts cannot be read."""
    try:
        return shares(Crossing.pinned(spec_from_dict(sweep.get("spec", {})), store))
    except PrunesweepError:
        return []

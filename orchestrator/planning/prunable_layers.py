"""What `prunesweep plan --layers` shows: the weights that a sweep may prune."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from orchestrator import api
from orchestrator.planning.crossing import find_out, settings
from orchestrator.planning.facts import Facts
from orchestrator.sweep.spec import SweepSpec
from workers.text import plural


@dataclass(frozen=True, slots=True)
class Layer:
    """One parameter; `multiply_adds` are those that it takes part in for one image."""

    name: str
    shape: list[int]
    weights: int
    multiply_adds: float


@dataclass(frozen=True, slots=True)
class Layers:
    """The prunable parameters of a network on a data set, in its order, under one pruning setting."""

    dataset: str
    network: str
    pruning: str
    layers: list[Layer]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        rows = [("layer", "shape", "weights", "multiply-adds")]
        rows += [
            (each.name, _shape(each.shape), f"{each.weights:,}", f"{each.multiply_adds:,.0f}") for each in self.layers
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"  {name:<{widths[0]}}  {shape:<{widths[1]}}  {weights:>{widths[2]}}  {cost:>{widths[3]}}"
            for name, shape, weights, cost in rows
        ]
        total = sum(each.weights for each in self.layers)
        return "\n".join(
            [
                f"{self.network} on {self.dataset}, pruning {self.pruning}: "
                f"{plural(total, 'prunable weight')} in {plural(len(self.layers), 'layer')}",
                *lines,
            ]
        )


def layers(spec: SweepSpec, store: str | None = None, known_before: Facts | None = None) -> list[Layers]:
    """The prunable parameters of each combination of data set, network and pruning in a sweep.

    Facts that are `known_before` need no look at data and networks.
    """
    crossed = [setting for grid in spec.grids for setting in settings(spec, grid)]
    asked = {(each.dataset.label, each.network.label, each.pruning.label): each.question(spec) for each in crossed}
    known = find_out(spec, api.existing_store(store or spec.store), known_before)
    return [
        Layers(*labels, [Layer(**layer) for layer in known[question].facts["network"]["layers"]])
        for labels, question in asked.items()
    ]


def _shape(shape: list[int]) -> str:
    return "×".join(map(str, shape))

"""What `prunesweep plan --layers` shows: the layers that a sweep may prune."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.planning.crossing import cross, find_out
from orchestrator.planning.facts import Facts
from orchestrator.sweep.spec import SweepSpec
from workers.store.store import existing_store
from workers.text import plural


@dataclass(frozen=True, slots=True)
class Layer:
    """One parameter; `multiply_adds` are those of one image that it takes part in."""

    name: str
    shape: list[int]
    weights: int
    multiply_adds: float

    def row(self) -> tuple[str, str, str, str]:
        shape = "×".join(map(str, self.shape))
        return self.name, shape, f"{self.weights:,}", f"{self.multiply_adds:,.0f}"


@dataclass(frozen=True, slots=True)
class Layers:
    """The prunable parameters of a network on a data set under one way to prune, in the network's order."""

    dataset: str
    network: str
    pruning: str
    layers: list[Layer]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        rows = [("layer", "shape", "weights", "multiply-adds")]
        rows += [layer.row() for layer in self.layers]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"  {name:<{widths[0]}}  {shape:<{widths[1]}}  {weights:>{widths[2]}}  {cost:>{widths[3]}}"
            for name, shape, weights, cost in rows
        ]
        total = sum(layer.weights for layer in self.layers)
        return "\n".join(
            [
                f"{self.network} on {self.dataset}, pruning {self.pruning}: "
                f"{plural(total, 'prunable weight')} in {plural(len(self.layers), 'layer')}",
                *lines,
            ]
        )


def layers(spec: SweepSpec, store: str | None = None, known_before: Facts | None = None) -> list[Layers]:
    """The prunable parameters of each combination of data set, network and way to prune in a sweep.

    Data sets and networks whose facts are `known_before` are not inspected.
    """
    questions = {
        (setting.dataset.label, setting.network.label, setting.pruning.label): setting.question
        for setting in cross(spec)
    }
    facts = find_out(spec, existing_store(store or spec.store), known_before)
    return [
        Layers(*labels, [Layer(**layer) for layer in facts[question].facts["network"]["layers"]])
        for labels, question in questions.items()
    ]

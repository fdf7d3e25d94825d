"""What `prunesweep plan --layers` shows: what a sweep may prune of its networks, what it leaves out, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.planning.crossing import Setting, find_out
from orchestrator.planning.facts import Answer, Facts
from orchestrator.sweep.spec import SweepSpec
from workers.pruning import protected_weights
from workers.store.store import existing_store
from workers.text import plural


@dataclass(frozen=True, slots=True)
class Layer:
    """One parameter; `multiply_adds` are those of one example that it takes part in, None if they cannot be counted.

    `reason` says why it is not pruned, or how much of it is protected; empty if pruning may remove all of it.
    """

    name: str
    shape: list[int]
    weights: int
    multiply_adds: float | None
    reason: str = ""

    def row(self) -> tuple[str, ...]:
        shape = "×".join(map(str, self.shape))
        cost = "unknown" if self.multiply_adds is None else f"{self.multiply_adds:,.0f}"
        return self.name, shape, f"{self.weights:,}", cost, self.reason


@dataclass(frozen=True, slots=True)
class Layers:
    """The parameters of a network on a data set under one way to prune, in the network's order.

    `layers` are prunable, `left_out` are not; `multiply_adds` is for the whole network, None where it is unknown, for
    example because it has `uncounted` operations.
    """

    dataset: str
    network: str
    pruning: str
    layers: list[Layer]
    left_out: list[Layer]
    multiply_adds: float | None = None
    uncounted: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"multiply_adds_without_layer": self.without_layer}

    @property
    def without_layer(self) -> float | None:
        """Multiply-adds in which no parameter is a factor."""
        if self.multiply_adds is None:
            return None
        return self.multiply_adds - sum(layer.multiply_adds or 0 for layer in (*self.layers, *self.left_out))

    def __str__(self) -> str:
        total = sum(layer.weights for layer in self.layers)
        lines = [
            f"{self.network} on {self.dataset}, pruning {self.pruning}: "
            f"{plural(total, 'prunable weight')} in {plural(len(self.layers), 'layer')}",
            *_aligned([("layer", "shape", "weights", "multiply-adds", ""), *(layer.row() for layer in self.layers)]),
        ]
        if self.left_out:
            count = sum(layer.weights for layer in self.left_out)
            header = ("parameter", "shape", "weights", "multiply-adds", "reason")
            lines += ["", f"Left out: {plural(count, 'parameter')}"]
            lines += _aligned([header, *(layer.row() for layer in self.left_out)])
        if self.without_layer:
            lines += ["", f"Multiply-adds outside layers: {self.without_layer:,.0f}"]
        if self.uncounted:
            lines += ["", f"Multiply-adds cannot be counted of: {', '.join(self.uncounted)}"]
        return "\n".join(lines)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of name, shape, two numbers and a remark as lines."""
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"  {name:<{widths[0]}}  {shape:<{widths[1]}}  {weights:>{widths[2]}}  {cost:>{widths[3]}}  {remark}".rstrip()
        for name, shape, weights, cost, remark in rows
    ]


def layers(spec: SweepSpec, store: str | None = None, known_before: Facts | None = None) -> list[Layers]:
    """The parameters of each combination of data set, network and way to prune in a sweep.

    Data sets and networks whose facts are `known_before` are not inspected.
    """
    crossing = find_out(spec, existing_store(store or spec.store), known_before)
    by_labels = {
        (setting.dataset.label, setting.network.label, setting.pruning.label): (setting, answer)
        for setting, answer in crossing
    }
    return [_layers(labels, setting, answer) for labels, (setting, answer) in by_labels.items()]


def _layers(labels: tuple[str, str, str], setting: Setting, answer: Answer) -> Layers:
    network = answer.facts["network"]
    protected = protected_weights(answer.shapes) if setting.question.pruning.distribution == "uniform+" else {}
    rows = [Layer(**layer, reason=_protection(layer, protected)) for layer in network["layers"]]
    if "left_out" not in network:  # facts of an older version
        return Layers(*labels, rows, [])
    left_out = [Layer(**layer) for layer in network["left_out"]]
    return Layers(*labels, rows, left_out, network["multiply_adds"], tuple(network.get("uncounted", ())))


def _protection(layer: Mapping[str, Any], protected: Mapping[str, int]) -> str:
    count = protected.get(layer["name"], 0)
    if not count:
        return ""
    return "uniform+ keeps it dense" if count == layer["weights"] else f"uniform+ keeps at least {count:,}"

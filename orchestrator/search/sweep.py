"""The sweep behind `prunesweep prune`: one network, pruned and retrained with learning-rate rewinding in rounds.

Renda, Frankle, Carbin (ICLR 2020), Algorithm 1: prune a share of the remaining weights, retrain for the whole training
time T, repeat.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from orchestrator.sweep.fields import MOST_ROUNDS
from orchestrator.sweep.grid import GridSpec
from orchestrator.sweep.problems import Problem
from orchestrator.sweep.spec import SweepSpec, load_spec
from orchestrator.sweep.values import MOST_DIGITS, digits, exact_text, parse_ratio
from workers.errors import InputError
from workers.pruning import kept_weights
from workers.techniques import DENSE

NO_GRID: dict[str, Any] = {"technique": DENSE}
"""Stands in for the grid of a sweep file, because `prune` makes its own."""

_ONE_OF = {"dataset": "datasets", "network": "networks", "pruning": "prunings", "recipe": "recipes"}


def load_without_grid(path: str | os.PathLike[str]) -> SweepSpec:
    """Read a sweep file, with or without a grid. Raises SpecError with every problem in it."""
    return load_spec(path, NO_GRID)


def has_grid(spec: SweepSpec) -> bool:
    """Whether a sweep asks for anything that `prune` ignores."""
    return spec.grids != (GridSpec.model_validate(NO_GRID),)


def chain_sweep(spec: SweepSpec, rate: Fraction, replicates: int) -> SweepSpec:
    """The first round of Algorithm 1 on the network of a sweep, as a sweep that keeps all states.

    Raises SpecError unless the sweep names one data set, network and recipe, and one way to prune single weights.
    """
    if problems := list(_problems(spec)):
        raise spec.refusal(problems)
    grid = {
        "technique": "lr_rewinding",
        "iterative": {"rounds": 1, "rate": exact_text(rate)},
        "budget": "100%",
        "replicates": replicates,
    }
    name = f"{spec.name[:57]}-pruned"
    return spec.model_copy(update={"name": name, "keep": "all", "grids": (GridSpec.model_validate(grid),)})


def with_rounds(chain: SweepSpec, rounds: int) -> SweepSpec:
    """The sweep `chain` with another number of rounds."""
    [grid] = chain.grids
    assert grid.iterative is not None
    iterative = grid.iterative.model_copy(update={"rounds": rounds})
    return chain.model_copy(update={"grids": (grid.model_copy(update={"iterative": iterative}),)})


def parse_rate(text: str) -> Fraction:
    """The share of the weights that each round prunes. Raises InputError unless it is between 0% and 100%."""
    try:
        rate = parse_ratio(text)
    except ValueError:
        rate = Fraction(0)
    if not 0 < rate < 1:
        raise InputError(f"the rate must be a share of the weights between 0% and 100%: {text}", hint="write `20%`")
    return rate


def most_rounds(weights: int, rate: Fraction) -> int:
    """How many rounds leave at least one of `weights` weights (and fit into a sweep file).

    Raises InputError if the first round leaves none.
    """
    rounds = 0
    while rounds < min(MOST_ROUNDS, 4 * MOST_DIGITS // digits(rate)):
        if kept_weights(weights, (1 - rate) ** (rounds + 1)) == 0:
            break
        rounds += 1
    if rounds == 0:
        raise InputError(
            f"the first round would leave none of the {weights:,} prunable weights", hint="choose a lower rate"
        )
    return rounds


def _problems(spec: SweepSpec) -> Iterator[Problem]:
    for key, field in _ONE_OF.items():
        if len(getattr(spec, field)) > 1:
            yield Problem((key, 1), f"is a second {key}, but `prune` prunes one network in one way", "keep one")
    for number, pruning in enumerate(spec.prunings):
        if pruning.structure != "unstructured":
            message = "has levels instead of rounds, but `prune` needs rounds"
            yield Problem(("pruning", number, "structure"), message, "remove it to prune single weights")

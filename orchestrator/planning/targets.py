"""How far each round of a chain prunes: a density of the weights, or numbers of filters."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from orchestrator.planning.crossing import Setting
from orchestrator.planning.facts import Answer
from orchestrator.sweep.grid import IterativeSpec, PruningSpec
from orchestrator.sweep.problems import Problem, noting
from workers.errors import InputError
from workers.pruning import kept_weights, protected_weights
from workers.pruning.filters import removed_filters, structured_density


class Target(NamedTuple):
    """The target of one round: a density, and the numbers of filters to remove, which give that density."""

    density: Fraction
    filters: dict[str, int]


def target_chains(setting: Setting, answer: Answer, problems: list[Problem]) -> list[tuple[Target, ...]]:
    """The targets of every chain of a grid, one for each round; one-shot pruning is a chain of one round.

    Targets that the network makes impossible are added to `problems` instead.
    """
    grid, place = setting.grid, setting.places["grid"]
    axis = "density" if grid.density else "compression"
    chains: list[tuple[Target, ...]] = []
    for number, level in enumerate(grid.levels or ()):
        with noting(problems, (*place, "levels", number)):
            chains.append((_of_level(level, setting.pruning, answer),))
    for number, density in enumerate(grid.densities):
        with noting(problems, (*place, axis, number)):
            chains.append((_of_density(density, setting, answer),))
    if grid.iterative:
        with noting(problems, (*place, "iterative", "rounds")):
            chains.append(_of_rounds(grid.iterative, setting, answer))
    return chains


def _of_rounds(iterative: IterativeSpec, setting: Setting, answer: Answer) -> tuple[Target, ...]:
    densities = iterative.densities
    _of_density(densities[-1], setting, answer)  # an error names the last round, not the first that is impossible
    return tuple(_of_density(density, setting, answer) for density in densities)


def _of_level(level: int, pruning: PruningSpec, answer: Answer) -> Target:
    assert pruning.layers is not None
    filters = removed_filters(answer.shapes, pruning.layers, level)
    return Target(structured_density(answer.shapes, pruning.layers, filters), filters)


def _of_density(density: Fraction, setting: Setting, answer: Answer) -> Target:
    weights = sum(answer.layers.values())
    kept = kept_weights(weights, density)
    protected = _protected(setting.pruning, answer)
    if kept < max(1, protected):
        leaves = f"{kept:,}" if kept else "none"
        reason = f", but `uniform+` never prunes {protected:,} of them" if protected else ""
        raise InputError(
            f"compression {float(1 / density):,.6g} leaves {leaves} of the {weights:,} prunable weights of "
            f"`{setting.network.label}`{reason}",
            hint=f"use a compression ratio of at most {weights / max(1, protected):,.10g}",
        )
    return Target(density, {})


def _protected(pruning: PruningSpec, answer: Answer) -> int:
    """The number of weights that the distribution never prunes."""
    return sum(protected_weights(answer.shapes).values()) if pruning.distribution == "uniform+" else 0

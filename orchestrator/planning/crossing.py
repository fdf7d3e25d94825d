"""What a grid is crossed with, and finding out what must be known of it before it can be planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from orchestrator.planning.facts import Facts, Question, Undescribed, gather
from orchestrator.sweep.problems import Path, complaint_of
from orchestrator.sweep.recipe import RecipeSpec
from orchestrator.sweep.spec import DatasetSpec, GridSpec, NetworkSpec, PruningSpec, SweepSpec
from workers.models import NETWORKS
from workers.registry import lookup
from workers.store.store import Store
from workers.trial import Dataset, Network


class Setting(NamedTuple):
    """One combination of what a grid is crossed with."""

    dataset: DatasetSpec
    network: NetworkSpec
    recipe: RecipeSpec
    pruning: PruningSpec

    def question(self, spec: SweepSpec) -> Question:
        """What must be known before it can be planned."""
        entry = lookup(NETWORKS, self.network.name, "network")
        return Question(
            dataset=Dataset(name=self.dataset.name, arguments=self.dataset.arguments, holdout=spec.evaluation.holdout),
            network=Network(
                name=entry.canonical or self.network.name, arguments={**entry.fixed, **self.network.arguments}
            ),
            recipe=self.recipe.settings,
            pruning=self.pruning.settings,
            code_version=spec.code_version,
            pretrained=_pretrained_paths(spec),
        )

    def labels(self) -> dict[str, str]:
        """The columns of a cell that name this setting, but for pruning, which the dense network has none of."""
        return {"dataset": self.dataset.label, "network": self.network.label, "recipe": self.recipe.name}


def settings(spec: SweepSpec, grid: GridSpec) -> Iterator[Setting]:
    """The settings that a grid is crossed with."""
    recipes = [recipe for recipe in spec.recipes if grid.recipe is None or recipe.name in grid.recipe]
    combinations = product(
        grid.datasets or spec.datasets, grid.networks or spec.networks, recipes, grid.prunings or spec.prunings
    )
    return (Setting(*combination) for combination in combinations)


def questions(spec: SweepSpec) -> list[Question]:
    """Everything that must be known to plan a sweep."""
    return [setting.question(spec) for grid in spec.grids for setting in settings(spec, grid)]


def find_out(spec: SweepSpec, store: Store | None, known_before: Facts | None = None) -> Facts:
    """Everything that must be known to plan a sweep. Raises SpecError for what cannot be had, where it is asked for."""
    try:
        return gather(questions(spec), store, known_before)
    except Undescribed as error:
        places: dict[str, dict[str, Path]] = {}
        for number, grid in enumerate(spec.grids):
            for setting, place in zip(settings(spec, grid), _places(spec, number), strict=True):
                places.setdefault(setting.question(spec).key, place)
        complaints = [complaint_of(message, places[question.key][about]) for question, about, message in error.problems]
        raise spec.refusal(complaints) from error


def _places(spec: SweepSpec, number: int) -> Iterator[dict[str, Path]]:
    """Where the file has the parts of each setting of grid `number`, in the order of `settings`."""
    grid = spec.grids[number]
    own: dict[str, Sequence[object] | None] = {
        "dataset": grid.datasets, "network": grid.networks, "recipe": None, "pruning": grid.prunings,
    }  # fmt: skip
    whole: dict[str, Sequence[object]] = {
        "dataset": spec.datasets, "network": spec.networks, "recipe": spec.recipes, "pruning": spec.prunings,
    }  # fmt: skip
    axes = []
    for axis, items in whole.items():
        above: Path = ("grid", number) if own[axis] else ()
        axes.append([(*above, axis, index) for index in range(len(own[axis] or items))])
    if grid.recipe is not None:
        axes[2] = [path for path, recipe in zip(axes[2], spec.recipes, strict=True) if recipe.name in grid.recipe]
    for places in product(*axes):
        yield dict(zip(whole, places, strict=True)) | {
            "optimizer": (*places[2], "optimizer"),
            "pretrained": ("dense",),
        }


def _pretrained_paths(spec: SweepSpec) -> tuple[str, ...]:
    """The files of all replicates of a sweep."""
    if spec.dense is None:
        return ()
    return tuple(sorted({spec.dense.path(replicate) for grid in spec.grids for replicate in grid.replicates}))

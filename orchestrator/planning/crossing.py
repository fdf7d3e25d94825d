"""The settings that grids are crossed with, and looking up the facts needed to plan them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeVar

from orchestrator.planning.facts import Answer, Facts, Question, Undescribed, examples_of, gather, pinned
from orchestrator.planning.own_techniques import RetrainingChoice, TechniqueQuestion
from orchestrator.planning.retraining import Training, dense_training, retraining_chains
from orchestrator.sweep.grid import DatasetSpec, GridSpec, NetworkSpec, PruningSpec
from orchestrator.sweep.problems import KeyPath, Problem, noting, problem_of
from orchestrator.sweep.recipe import RecipeSpec
from orchestrator.sweep.spec import SweepSpec
from workers.data.batches.ranks import check_ranks
from workers.data.validation_share import validation_count
from workers.describe import HIGHEST_RATE
from workers.errors import InputError
from workers.models import NETWORKS
from workers.registry import lookup
from workers.store import Store
from workers.trial import Dataset, Network, canonical

T = TypeVar("T")


class Setting(NamedTuple):
    """One combination of what a grid is crossed with, and the question whose answer its plan depends on.

    `places` has the key paths of the grid and of the parts of the question.
    """

    grid: GridSpec
    dataset: DatasetSpec
    network: NetworkSpec
    recipe: RecipeSpec
    pruning: PruningSpec
    question: Question
    places: dict[str, KeyPath]

    def labels(self) -> dict[str, str]:
        """The columns of a cell that name this setting, without `pruning`, which the dense network does not have."""
        return {"dataset": self.dataset.label, "network": self.network.label, "recipe": self.recipe.name}

    def training(self, answer: Answer) -> Training:
        """The dense training that the techniques of the grid continue."""
        steps_per_epoch = answer.steps_per_epoch(self.recipe.batch_size)
        return Training(
            dense=dense_training(self.recipe, steps_per_epoch),
            steps_per_epoch=steps_per_epoch,
            pretrained=bool(self.question.pretrained),
            code_version=self.question.code_version,
        )


@dataclass(frozen=True, slots=True)
class Crossing:
    """A sweep, the settings of its grids in the order of the file, and the facts that planning them takes."""

    spec: SweepSpec
    settings: Sequence[Setting]
    facts: Facts

    @classmethod
    def of(cls, spec: SweepSpec, facts: Facts) -> Crossing:
        """A sweep whose facts are known."""
        return cls(spec, cross(spec), facts)

    @classmethod
    def pinned(cls, spec: SweepSpec, store: Store) -> Crossing:
        """A sweep whose facts are in a store. Raises CorruptFile for those that are missing or damaged."""
        settings = cross(spec)
        return cls(spec, settings, pinned((setting.question for setting in settings), store))

    def __iter__(self) -> Iterator[tuple[Setting, Answer]]:
        """Each setting with the answer to its question."""
        return ((setting, self.facts[setting.question]) for setting in self.settings)


def cross(spec: SweepSpec) -> list[Setting]:
    """The settings of every grid of a sweep, in the order of the file."""
    pretrained = _pretrained_paths(spec)
    return [setting for number in range(len(spec.grids)) for setting in _settings(spec, number, pretrained)]


def _settings(spec: SweepSpec, number: int, pretrained: tuple[str, ...]) -> Iterator[Setting]:
    grid, place = spec.grids[number], ("grid", number)
    axes = product(
        _axis("dataset", spec.datasets, grid.datasets, place),
        _axis("network", spec.networks, grid.networks, place),
        _recipes(spec, grid),
        _axis("pruning", spec.prunings, grid.prunings, place),
    )
    for (at_dataset, dataset), (at_network, network), (at_recipe, recipe), (at_pruning, pruning) in axes:
        question = Question(
            dataset=Dataset(name=dataset.name, arguments=dataset.arguments, holdout=spec.evaluation.holdout),
            network=_canonical(network),
            recipe=recipe.for_worker,
            pruning=pruning.for_worker,
            code_version=spec.code_version,
            pretrained=pretrained,
        )
        places: dict[str, KeyPath] = {
            "grid": place,
            "dataset": at_dataset,
            "network": at_network,
            "recipe": at_recipe,
            "optimizer": (*at_recipe, "optimizer"),
            "pruning": at_pruning,
            "pretrained": ("dense",),
            "evaluation": ("evaluation", "validation"),
            "metric": ("metric",),
        }
        yield Setting(grid, dataset, network, recipe, pruning, question, places)


def _recipes(spec: SweepSpec, grid: GridSpec) -> list[tuple[KeyPath, RecipeSpec]]:
    """The recipes that a grid names, or all, with their key paths."""
    recipes = _axis("recipe", spec.recipes)
    return [(path, recipe) for path, recipe in recipes if grid.recipe is None or recipe.name in grid.recipe]


def _axis(
    key: str, of_sweep: Sequence[T], of_grid: Sequence[T] | None = None, place: KeyPath = ()
) -> list[tuple[KeyPath, T]]:
    """The items of an axis with their key paths: those of the grid at `place` if it has any, else the sweep's."""
    path = (*place, key) if of_grid else (key,)
    return [((*path, index), item) for index, item in enumerate(of_grid or of_sweep)]


def _canonical(network: NetworkSpec) -> Network:
    """The network under the name and with the arguments that ids are made from."""
    entry = lookup(NETWORKS, network.name, "network")
    return Network(name=entry.canonical or network.name, arguments={**entry.fixed, **network.arguments})


def _pretrained_paths(spec: SweepSpec) -> tuple[str, ...]:
    """The files of the dense networks of all replicates."""
    if spec.dense is None:
        return ()
    return tuple(sorted({spec.dense.file(replicate) for grid in spec.grids for replicate in grid.replicates}))


def questions(spec: SweepSpec) -> list[Question]:
    """The questions that planning a sweep must have answered."""
    return [setting.question for setting in cross(spec)]


def find_out(spec: SweepSpec, store: Store | None, known_before: Facts | None = None) -> Crossing:
    """Cross a sweep and gather the facts. Raises SpecError where the data or the network cannot be described."""
    settings, how = cross(spec), rehearsal_of(spec)
    try:
        facts = gather([setting.question for setting in settings], store, known_before, how)
    except Undescribed as error:
        places = {setting.question.key: setting.places for setting in reversed(settings)}  # the first one counts
        problems = [problem_of(reason, places[question.key][about]) for question, about, reason in error.unanswered]
        raise spec.refusal(problems) from error
    crossing = Crossing(spec, settings, facts)
    if problems := [*_check_validation(crossing), *_check_batches(crossing), *_ask_techniques(crossing)]:
        raise spec.refusal(problems)
    return crossing


def _check_validation(crossing: Crossing) -> list[Problem]:
    """The problem of a validation share that is too small for a test set, once."""
    problems: list[Problem] = []
    share = crossing.spec.worker_evaluation.validation_share
    for setting, answer in crossing:
        facts = answer.facts["dataset"]
        examples = examples_of(facts, "test")
        if share is not None and examples is not None and "validation_examples" not in facts:
            with noting(problems, setting.places["evaluation"]):
                validation_count(examples, share, facts.get("noun", "image"))
    return problems[:1]


def _check_batches(crossing: Crossing) -> list[Problem]:
    """The problems of how recipes divide their batches: among groups of BatchNorm, and among the GPUs of a trial."""
    return [*_check_groups(crossing), *_check_ranks(crossing)]


def _check_groups(crossing: Crossing) -> list[Problem]:
    """The problems of recipes with groups for BatchNorm that train only networks without it."""
    problems: dict[KeyPath, Problem] = {}
    with_effect = set()
    for setting, answer in crossing:
        if setting.recipe.batch_norm_group is None:
            continue
        place = (*setting.places["recipe"], "batch_norm_group")
        if answer.facts["network"].get("batch_norm", True):  # older stores do not say
            with_effect.add(place)
        message = f"has no effect without BatchNorm, which network `{setting.network.label}` does not have"
        problems.setdefault(place, Problem(place, message, "remove it, or give it to a recipe of another network"))
    return [problem for place, problem in problems.items() if place not in with_effect]


def _check_ranks(crossing: Crossing) -> list[Problem]:
    """The problems of recipes whose batches the GPUs of a trial cannot share."""
    resources = crossing.spec.resources
    problems: dict[KeyPath, Problem] = {}
    for (setting, answer), is_dense in product(crossing, (True, False)):
        has_batch_norm = answer.facts["network"].get("batch_norm", False)  # older stores do not say: the trial will
        try:
            check_ranks(setting.question.recipe, resources.ranks(is_dense), has_batch_norm)
        except InputError as error:
            place = (*setting.places["recipe"], error.about)
            problems.setdefault(place, problem_of(error, place))
    return list(problems.values())


def rehearsal_of(spec: SweepSpec) -> dict[str, Any]:
    """How the tasks of a sweep are rehearsed: the `evaluation` and `device` of its trials, and if several, the `ranks`.

    `rate` is the lowest learning rate of its recipes, if that is below the rate that rehearsals have.
    """
    rate = min(float(recipe.optimizer.lr) for recipe in spec.recipes)
    ranks = min(spec.resources.ranks(is_dense) for is_dense in (True, False))
    return {
        "evaluation": canonical(spec.worker_evaluation),
        "device": "cuda" if spec.resources.gpus else "cpu",
        **({"ranks": ranks} if ranks > 1 else {}),
        **({"rate": rate} if rate < HIGHEST_RATE else {}),
    }


def _ask_techniques(crossing: Crossing) -> list[Problem]:
    """Add what the techniques of the user's own answer to the facts. Returns the problems that they report."""
    asked: dict[str, tuple[TechniqueQuestion, KeyPath]] = {}
    for setting, answer in crossing:
        place = (*setting.places["grid"], "technique")

        def note(question: TechniqueQuestion, place: KeyPath = place) -> RetrainingChoice:
            asked.setdefault(question.key, (question, place))
            return RetrainingChoice("final", (), 0)

        training = setting.training(answer)
        retraining_chains(setting.grid, setting.places["grid"], training, [], note)
    errors = crossing.facts.ask([question for question, _ in asked.values()])
    return [problem_of(error, asked[question.key][1]) for question, error in errors]

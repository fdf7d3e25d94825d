"""The axes of a grid: data sets, networks, ways to prune, techniques, how far to prune, and budgets."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.sweep.fields import (
    MOST_LEVELS,
    MOST_ROUNDS,
    Compression,
    DataArgument,
    Density,
    Many,
    Replicates,
    Text,
    duration,
    one_of,
    ratio,
    refuse,
    whole,
)
from orchestrator.sweep.mappings import AnyFunction, FixedKeys, NamedSpec, arguments_of, call_text, name_of
from orchestrator.sweep.values import Duration
from workers import trial
from workers.errors import InputError
from workers.paths import expanded
from workers.pruning import STRUCTURES
from workers.pruning.filters import LAYERS

Budget = Annotated[Duration, duration("%", "ep", "it")]
Share = Annotated[
    Fraction, ratio("a share between 0% and 100%", lambda value: 0 < value < 1, "write a value such as `20%`")
]


_PLACE = re.compile(r"(~[\w.-]*|\$\w+|\$\{\w+\})/")  # the beginning of a path that needs to be expanded


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class DatasetSpec(NamedSpec):
    """A data set by its name, with its arguments."""

    __pydantic_extra__: dict[str, DataArgument] = Field(init=False)


class NetworkSpec(NamedSpec):
    """A network by its name, with its arguments."""


def _with_paths(value: object) -> object:
    """Expand the paths among the arguments of a data set: `path` and `root`, and a text of any name that is one."""
    if not isinstance(value, dict):
        return value
    return {key: _place(key, item) if _is_place(key, item) else item for key, item in value.items()}


def _is_place(key: object, value: object) -> bool:
    return isinstance(value, str) and value != "" and (key in ("path", "root") or bool(_PLACE.match(value)))


def _place(key: str, value: str) -> str:
    try:
        return expanded(value)
    except InputError as error:
        raise refuse(error.message, error.hint, at=(key,)) from None


Datasets = Many[Annotated[DatasetSpec, BeforeValidator(_with_paths), BeforeValidator(_by_name)]]
Networks = Many[Annotated[NetworkSpec, BeforeValidator(_by_name)]]


class PruningSpec(FixedKeys):
    """Which weights may be pruned, and how they are chosen. `layers` is the rule for structure `filters` only."""

    score: AnyFunction = "magnitude"
    distribution: AnyFunction = "global"
    structure: Annotated[str, one_of(*STRUCTURES, kind="structure")] = "unstructured"
    layers: Annotated[str | None, one_of(*LAYERS, kind="rule")] = None
    exclude: Many[Text] = ()
    include: Many[Text] = ()

    @property
    def for_worker(self) -> trial.Pruning:
        """The way to prune as workers get it."""
        functions = {"score": name_of(self.score), "distribution": name_of(self.distribution)}
        return trial.Pruning(
            **(dict(self) | functions),
            score_arguments=arguments_of(self.score),
            distribution_arguments=arguments_of(self.distribution),
        )

    @property
    def label(self) -> str:
        """The score, with what differs from the defaults: `magnitude`, `magnitude(exclude=[classifier.*])`."""
        defaults = type(self).model_fields
        special = [(key, value) for key, value in self if key != "score" and value != defaults[key].default]
        arguments = sorted(arguments_of(self.score).items())
        return call_text(name_of(self.score), [*arguments, *special])


class IterativeSpec(FixedKeys):
    """Each of `rounds` rounds prunes the share `rate` of the remaining weights; every round is a cell.

    The budget is that of each round (`per_round`), or of all rounds together (`total`), divided evenly. Densities are
    exact, or multiples of `round_to`: the nearest one, the even one of two.
    """

    rounds: Annotated[int, whole(1, MOST_ROUNDS)]
    rate: Share
    budget_is: Annotated[str, one_of("per_round", "total", kind="choice")] = "per_round"
    round_to: Share | None = None

    @model_validator(mode="after")
    def _prunes_in_every_round(self) -> IterativeSpec:
        if self.round_to is not None:
            densities = [Fraction(1), *self.densities]
            if any(after >= before for before, after in pairwise(densities)):
                raise refuse("is too coarse: a round prunes nothing", "use a smaller value", at=("round_to",))
            if not densities[-1]:
                raise refuse("is too coarse: the last round leaves nothing", "use a smaller value", at=("round_to",))
        return self

    @property
    def densities(self) -> list[Fraction]:
        """The density of each round."""
        exact = [(1 - self.rate) ** number for number in range(1, self.rounds + 1)]
        if self.round_to is None:
            return exact
        return [round(density / self.round_to) * self.round_to for density in exact]


class GridSpec(FixedKeys):
    """One entry of a grid: the product of its axes. Axes that are None are those of the whole sweep.

    Exactly one of `compression`, `density`, `iterative` and `levels` is given, or none if the only technique is
    `dense`. `levels` says how often to apply the rule `layers` where filters are pruned. `recipe` has names of recipes.
    """

    techniques: Many[AnyFunction] = Field(alias="technique")
    compression: Many[Compression] | None = None
    density: Many[Density] | None = None
    iterative: IterativeSpec | None = None
    levels: Many[Annotated[int, whole(1, MOST_LEVELS)]] | None = None
    budgets: Many[Budget] = Field((), alias="budget")
    replicates: Replicates = (0,)
    datasets: Datasets | None = Field(None, alias="dataset")
    networks: Networks | None = Field(None, alias="network")
    prunings: Many[PruningSpec] | None = Field(None, alias="pruning")
    recipe: Many[Text] | None = None

    @property
    def densities(self) -> tuple[Fraction, ...]:
        """The densities of one-shot pruning, in the order of the file; empty with `iterative` or `levels`."""
        return self.density or tuple(1 / ratio for ratio in self.compression or ())

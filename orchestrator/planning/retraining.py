"""The dense training and its retraining at a budget: how many steps, from which state, at which rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from orchestrator.planning.own_techniques import Choose, RetrainingChoice, TechniqueQuestion
from orchestrator.sweep.grid import GridSpec
from orchestrator.sweep.mappings import Function, arguments_of, label_of, name_of
from orchestrator.sweep.problems import KeyPath, Problem, noting
from orchestrator.sweep.recipe import RecipeSpec
from orchestrator.sweep.values import Duration
from workers import schedules
from workers.errors import InputError
from workers.schedules import Program
from workers.techniques import DENSE, TECHNIQUES, DenseTraining, Start
from workers.text import plural


def dense_training(recipe: RecipeSpec, steps_per_epoch: Fraction) -> DenseTraining:
    """The dense training that a recipe asks for."""
    steps = math.ceil(recipe.duration.in_steps(steps_per_epoch))
    schedule = _schedule(recipe, steps, steps_per_epoch)
    rate = recipe.fine_tuning_rate
    last_rate = schedules.constant_end(schedule) if rate is None else float(rate)
    return DenseTraining(schedule=schedule, steps=steps, last_rate=last_rate)


def _schedule(recipe: RecipeSpec, steps: int, steps_per_epoch: Fraction) -> Program:
    peak, schedule = _exact(recipe.optimizer.lr), recipe.schedule
    moments = (schedule.warmup, *schedule.boundaries)
    warmup, *boundaries = [moment.in_steps(steps_per_epoch, steps) for moment in moments]
    start = schedule.warmup_from or Fraction(0)
    if schedule.name in ("cosine", "linear"):
        return schedules.ramp(schedule.name, peak, _exact(schedule.final_rate), warmup, steps, warmup_from=start)
    return schedules.piecewise(peak, boundaries, [_exact(factor) for factor in schedule.factors], warmup, start)


def _exact(number: float) -> Fraction:
    """The fraction of a number's shortest decimal text: 0.1 is one tenth."""
    return Fraction(repr(number))


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """The dense training that techniques continue; it is `pretrained` if it comes from a file."""

    dense: DenseTraining
    steps_per_epoch: Fraction
    pretrained: bool
    code_version: str | None

    def question(self, technique: Function, rewind_step: int) -> TechniqueQuestion:
        """What to ask a technique of the user's own."""
        return TechniqueQuestion(
            technique=name_of(technique),
            arguments=arguments_of(technique),
            schedule=self.dense.schedule,
            steps=self.dense.steps,
            last_rate=self.dense.last_rate,
            rewind_step=rewind_step,
            code_version=self.code_version,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Retraining:
    """The retraining of one round: `steps` at `rates`, from the state that `start` names.

    `budget` is the length in the words of the sweep file, `rewind_step` the rewind point of the dense training.
    """

    technique: str
    budget: str
    budget_epochs: float
    start: Start
    rewind_step: int
    rates: Program
    rate_floor: Fraction | None
    steps: int


def retraining_chains(
    grid: GridSpec, place: KeyPath, training: Training, problems: list[Problem], choose: Choose
) -> list[list[Retraining]]:
    """The rounds of every technique at every budget of a grid at `place`; `choose` answers for the user's own ones.

    Impossible budgets and techniques are added to `problems` instead.
    """
    chains = []
    for technique, (number, budget) in product(grid.techniques, enumerate(grid.budgets)):
        if technique != DENSE:
            with noting(problems, (*place, "budget", number)):
                lengths = _lengths(budget, grid, training)
                with noting(problems, (*place, "technique")):
                    chains.append([_retraining(technique, length, training, grid, choose) for length in lengths])
    return chains


class Length(NamedTuple):
    """How long a round lasts: in steps, in epochs, and in the words of the sweep file."""

    steps: int
    epochs: float
    budget: str


def _lengths(budget: Duration, grid: GridSpec, training: Training) -> list[Length]:
    """The length of each round of a chain; one-shot pruning has one round.

    Each round lasts `budget`. A total budget is divided evenly in whole steps, and the last round takes the rest
    (Zimmer, Spiegel, Pokutta 2023, section 3.2: BIMP).
    Raises InputError for a budget longer than the dense training, or too short to divide.
    """
    dense, steps_per_epoch, iterative = training.dense, training.steps_per_epoch, grid.iterative
    exact = budget.in_steps(steps_per_epoch, dense.steps)
    whole = dense.steps - math.floor(dense.steps - exact)
    if whole > dense.steps:
        length = f"{dense.steps:,} steps ({float(dense.steps / steps_per_epoch):.6g} epochs)"
        raise InputError(
            f"budget `{budget}` is {float(exact):,.6g} steps, longer than the dense training of {length}",
            hint="the maximum is `100%`",
        )
    if iterative is None or iterative.budget_is == "per_round":
        rounds = iterative.rounds if iterative else 1
        return [Length(whole, float(exact / steps_per_epoch), str(budget))] * rounds
    rounds = iterative.rounds
    if whole < rounds:
        raise InputError(
            f"budget `{budget}` is too short for {rounds:,} rounds: {plural(whole, 'step')}",
            hint="ask for fewer rounds or a longer budget, or leave out `budget_is: total`",
        )
    part = whole // rounds
    lengths = [part] * (rounds - 1) + [whole - part * (rounds - 1)]
    epochs = float(exact / rounds / steps_per_epoch)
    return [Length(length, epochs, f"{budget}/{rounds}") for length in lengths]


def _retraining(technique: Function, length: Length, training: Training, grid: GridSpec, choose: Choose) -> Retraining:
    rule = TECHNIQUES.get(name_of(technique))
    dense = training.dense
    rewind_step = dense.steps - length.steps
    if rule is None:
        choice = choose(training.question(technique, rewind_step))
        _check(technique, choice, training, grid)
    else:
        choice = RetrainingChoice(rule.start, rule.rates(dense, rewind_step), rule.steps(dense, rewind_step))
    return Retraining(
        technique=label_of(technique),
        budget=length.budget,
        budget_epochs=length.epochs,
        start=choice.start,
        rewind_step=rewind_step,
        rates=choice.rates,
        rate_floor=rule.rate_floor(dense, rewind_step) if rule else None,
        steps=choice.steps,
    )


def _check(technique: Function, choice: RetrainingChoice, training: Training, grid: GridSpec) -> None:
    """Raise InputError for a start that this sweep does not have."""
    if choice.start == "rewind" and training.pretrained:
        raise InputError(
            f"`{label_of(technique)}` cannot rewind to a point of the dense training, because a file has only its end",
            hint="remove it, or remove `dense` to train the dense network here",
        )
    if choice.start == "fresh" and grid.iterative is not None:
        raise InputError(
            f"`{label_of(technique)}` starts from a new initialization, so it is one-shot only",
            hint="give it a separate entry with `compression` or `density`",
        )

"""The dense training and its retraining at a budget: how many steps, from which state, at which rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from orchestrator.planning.crossing import Setting
from orchestrator.sweep.grid import IterativeSpec
from orchestrator.sweep.problems import Problem, noting
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
    if schedule.name in ("cosine", "linear"):
        return schedules.ramp(schedule.name, peak, _exact(schedule.final_rate), warmup, steps)
    return schedules.piecewise(peak, boundaries, [_exact(factor) for factor in schedule.factors], warmup)


def _exact(number: float) -> Fraction:
    """The fraction of a number's shortest decimal text: 0.1 is one tenth."""
    return Fraction(repr(number))


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
    setting: Setting, dense: DenseTraining, steps_per_epoch: Fraction, problems: list[Problem]
) -> list[list[Retraining]]:
    """The rounds of every technique at every budget of a grid; impossible budgets are added to `problems` instead."""
    grid, place = setting.grid, setting.places["grid"]
    chains = []
    for technique, (number, budget) in product(grid.techniques, enumerate(grid.budgets)):
        if technique != DENSE:
            with noting(problems, (*place, "budget", number)):
                chains.append(_rounds(technique, budget, grid.iterative, dense, steps_per_epoch))
    return chains


def _rounds(
    technique: str, budget: Duration, iterative: IterativeSpec | None, dense: DenseTraining, steps_per_epoch: Fraction
) -> list[Retraining]:
    """The retraining of each round of a chain; one-shot pruning has one round.

    Each round lasts `budget`. A total budget is divided evenly in whole steps, and the last round takes the rest
    (Zimmer, Spiegel, Pokutta 2023, section 3.2: BIMP).
    Raises InputError for a budget longer than the dense training, or too short to divide.
    """
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
        return [_retraining(technique, str(budget), float(exact / steps_per_epoch), dense, whole)] * rounds
    rounds = iterative.rounds
    if whole < rounds:
        raise InputError(
            f"budget `{budget}` is too short for {rounds:,} rounds: {plural(whole, 'step')}",
            hint="ask for fewer rounds or a longer budget, or leave out `budget_is: total`",
        )
    part = whole // rounds
    lengths = [part] * (rounds - 1) + [whole - part * (rounds - 1)]
    epochs = float(exact / rounds / steps_per_epoch)
    return [_retraining(technique, f"{budget}/{rounds}", epochs, dense, length) for length in lengths]


def _retraining(technique: str, label: str, epochs: float, dense: DenseTraining, length: int) -> Retraining:
    rule = TECHNIQUES[technique]
    rewind_step = dense.steps - length
    return Retraining(
        technique=technique,
        budget=label,
        budget_epochs=epochs,
        start=rule.start,
        rewind_step=rewind_step,
        rates=rule.rates(dense, rewind_step),
        rate_floor=rule.rate_floor(dense, rewind_step),
        steps=rule.steps(dense, rewind_step),
    )

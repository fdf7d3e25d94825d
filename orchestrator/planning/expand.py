"""From a sweep to its plan. Sharing falls out of identity: cells that ask for the same trial ask for the same work."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

from orchestrator.planning.crossing import Setting, settings
from orchestrator.planning.facts import Answer, Facts
from orchestrator.planning.plan import Cell, Plan, PlannedTrial
from orchestrator.planning.retraining import Retraining, in_steps, retraining_rounds
from orchestrator.sweep.checks import DENSE
from orchestrator.sweep.problems import Complaint, Path, complaint_of
from orchestrator.sweep.spec import GridSpec, SweepSpec
from orchestrator.sweep.values import Duration
from workers import schedules
from workers.errors import InputError
from workers.pruning import kept_weights, protected_weights
from workers.pruning.filters import removed_filters, structured_density
from workers.schedules import Program
from workers.techniques import TECHNIQUES, DenseTraining
from workers.trial import MaskRule, Pretrained, Stop, Task, Trial, trial_id


def make_plan(spec: SweepSpec, facts: Facts) -> Plan:
    """Expand a sweep. Raises SpecError for what only the data's size or the network shows to be impossible."""
    plan = Plan(spec, spec.evaluation.settings, [], {})
    cells: dict[tuple[Any, ...], Cell] = {}
    expansions = [
        (("grid", number), grid, _Expansion(setting, facts[setting.question(spec)], spec, plan.trials))
        for number, grid in enumerate(spec.grids)
        for setting in settings(spec, grid)
    ]
    complaints = [complaint for path, grid, expansion in expansions for complaint in expansion.complaints(path, grid)]
    if complaints:
        raise spec.refusal(complaints)
    for _, grid, expansion in expansions:
        for cell in expansion.cells(grid):
            identity = cell._replace(budget=None, pruning="" if cell.technique == "dense" else cell.pruning)
            cells.setdefault(identity, cell)
    plan.cells.extend(cells.values())
    return plan


class _Target(NamedTuple):
    """How far one round prunes: to a density; or by numbers of filters, which come to that density."""

    density: Fraction
    filters: dict[str, int]


class _Expansion:
    """The cells of one setting. Adds their trials to `trials`, parents before children."""

    def __init__(self, setting: Setting, answer: Answer, spec: SweepSpec, trials: dict[str, PlannedTrial]) -> None:
        recipe = setting.recipe
        question = setting.question(spec)
        self._setting = setting
        self._answer = answer
        self._trials = trials
        self._pretrained = spec.dense
        self._steps_per_epoch = answer.steps_per_epoch(recipe.batch_size)
        self._task = Task(
            dataset=answer.dataset, network=question.network, recipe=question.recipe, code_version=spec.code_version
        )
        total = math.ceil(self._in_steps(recipe.duration, None))
        schedule = self._schedule(total)
        rate = recipe.fine_tuning_rate
        self._dense = DenseTraining(
            schedule=schedule,
            steps=total,
            last_rate=schedules.constant_end(schedule) if rate is None else float(rate),
        )

    def complaints(self, path: Path, grid: GridSpec) -> Iterator[Complaint]:
        """What is impossible in a grid (which is at `path`) with these data and this network."""
        techniques = [technique for technique in grid.techniques if technique != DENSE]
        for number, budget in enumerate(grid.budgets):
            for technique in techniques[:1]:  # a budget is too long for all of them
                yield from _refused((*path, "budget", number), self._rounds, technique, budget, grid)
        if grid.iterative:
            lowest = (1 - grid.iterative.rate) ** grid.iterative.rounds
            yield from _refused((*path, "iterative", "rounds"), self._target, lowest)
        for number, density in enumerate(grid.densities):
            axis = "density" if grid.density else "compression"
            yield from _refused((*path, axis, number), self._target, density)
        for number, level in enumerate(grid.levels or ()):
            yield from _refused((*path, "levels", number), self._level, level)

    def cells(self, grid: GridSpec) -> Iterator[Cell]:
        """Every cell of a grid, and the dense network of each replicate."""
        retrainings = [
            self._rounds(technique, budget, grid)
            for technique, budget in product(grid.techniques, grid.budgets)
            if technique != DENSE
        ]
        chains = self._chains(grid)
        for replicate in grid.replicates:
            dense = self._add_dense(replicate)
            yield self._dense_cell(dense, replicate)
            for rounds, targets in product(retrainings, chains):
                yield from self._chain(rounds, targets, dense, replicate, grid.iterative is not None)

    def _rounds(self, technique: str, budget: Duration, grid: GridSpec) -> list[Retraining]:
        return retraining_rounds(technique, budget, grid.iterative, self._dense, self._steps_per_epoch)

    def _chain(
        self, rounds: Sequence[Retraining], targets: Sequence[_Target], dense: Stop, replicate: int, iterative: bool
    ) -> Iterator[Cell]:
        """The rounds of one chain of pruning and retraining; one-shot pruning is a chain of one round."""
        pruning = self._setting.pruning
        previous = dense
        lineage: tuple[str, ...] = ()
        cost = 0
        for number, (retraining, target) in enumerate(zip(rounds, targets, strict=True), start=1):
            start = TECHNIQUES[retraining.technique].start
            starts = {"final": previous, "rewind": Stop(dense.trial, retraining.rewind_step), "fresh": None}
            trial = Trial(
                task=self._task,
                replicate=replicate,
                stage="reinit" if start == "fresh" else str(number),
                rates=retraining.rates,
                start=starts[start],
                mask=MaskRule(
                    source=previous, density=target.density, pruning=pruning.settings, filters=target.filters
                ),
                rate_floor=retraining.rate_floor,
            )
            lineage = (*lineage, previous.trial)
            previous = self._add(trial, retraining.steps)
            cost += retraining.steps
            yield Cell(
                **self._setting.labels(),
                pruning=pruning.label,
                schedule="iterative" if iterative else "one_shot",
                technique=retraining.technique,
                round=number,
                density=target.density,
                budget=retraining.budget,
                budget_epochs=retraining.budget_epochs,
                replicate=replicate,
                search_cost_epochs=float(cost / self._steps_per_epoch),
                stop=previous,
                dense=dense,
                lineage=lineage,
                lineage_steps=dense.step + cost,
            )

    def _add_dense(self, replicate: int) -> Stop:
        if self._pretrained is not None:
            path = self._pretrained.path(replicate)
            file = Pretrained(path=path, checksum=self._answer.checksums[path])
            return self._add(Trial(task=self._task, replicate=replicate, stage="dense", rates=(), pretrained=file), 0)
        trial = Trial(task=self._task, replicate=replicate, stage="dense", rates=self._dense.schedule)
        return self._add(trial, self._dense.steps)

    def _dense_cell(self, dense: Stop, replicate: int) -> Cell:
        return Cell(
            **self._setting.labels(),
            pruning="none",
            schedule="dense",
            technique="dense",
            round=0,
            density=Fraction(1),
            budget=None,
            budget_epochs=None,
            replicate=replicate,
            search_cost_epochs=0.0,
            stop=dense,
            dense=dense,
            lineage=(),
            lineage_steps=dense.step,
        )

    def _add(self, trial: Trial, step: int) -> Stop:
        """Plan a stop of a trial that yields a record, and keep the states that the trial begins with."""
        name = trial_id(trial)
        planned = self._trials.setdefault(
            name, PlannedTrial(trial, self._steps_per_epoch, self._answer.checkpoint_bytes)
        )
        planned.records.add(step)
        for parent in trial.parents:
            self._trials[parent.trial].starts.add(parent.step)
        return Stop(name, step)

    def _chains(self, grid: GridSpec) -> list[tuple[_Target, ...]]:
        """How far each round of each chain prunes: one round each for one-shot pruning."""
        if grid.levels:
            return [(self._level(level),) for level in grid.levels]
        if grid.iterative is None:
            return [(self._target(density),) for density in grid.densities]
        kept = 1 - grid.iterative.rate
        return [tuple(self._target(kept**number) for number in range(1, grid.iterative.rounds + 1))]

    def _level(self, level: int) -> _Target:
        shapes, layers = self._answer.shapes, self._setting.pruning.layers
        assert layers is not None
        removed = removed_filters(shapes, layers, level)
        return _Target(structured_density(shapes, layers, removed), removed)

    def _target(self, density: Fraction) -> _Target:
        weights = sum(self._answer.layers.values())
        kept = kept_weights(weights, density)
        least = sum(self._protected().values())
        if kept < max(1, least):
            leaves = f"{kept:,}" if kept else "none"
            why = f", and `uniform+` prunes {least:,} of them never" if least else ""
            raise InputError(
                f"compression {float(1 / density):,.6g} leaves {leaves} of the {weights:,} prunable weights of "
                f"`{self._setting.network.label}`{why}",
                hint=f"it can be at most {weights / max(1, least):,.10g}",
            )
        return _Target(density, {})

    def _protected(self) -> dict[str, int]:
        uniform_plus = self._setting.pruning.distribution == "uniform+"
        return protected_weights(self._answer.shapes) if uniform_plus else {}

    def _in_steps(self, duration: Duration, total: int | None) -> Fraction:
        return in_steps(duration, total, self._steps_per_epoch)

    def _schedule(self, total: int) -> Program:
        peak, schedule = _exact(self._setting.recipe.optimizer.lr), self._setting.recipe.schedule
        warmup = self._in_steps(schedule.warmup, total)
        if schedule.name in ("cosine", "linear"):
            return schedules.ramp(schedule.name, peak, _exact(schedule.final_rate), warmup, total)
        boundaries = [self._in_steps(boundary, total) for boundary in schedule.boundaries]
        return schedules.piecewise(peak, boundaries, [_exact(factor) for factor in schedule.factors], warmup)


def _refused(path: Path, make: Callable[..., object], *arguments: object) -> Iterator[Complaint]:
    """The complaint about the value at `path`, if what it says to make cannot be made."""
    try:
        make(*arguments)
    except InputError as error:
        yield complaint_of(str(error), path)


def _exact(number: float) -> Fraction:
    """The fraction that a number's shortest decimal text names: 0.1 is one tenth."""
    return Fraction(repr(number))

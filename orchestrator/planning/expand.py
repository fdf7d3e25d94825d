"""From a sweep to its plan. Cells that ask for the same trial share it, because its id is the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from orchestrator.planning.crossing import Crossing, Setting
from orchestrator.planning.facts import Answer, task_of
from orchestrator.planning.own_techniques import Choose
from orchestrator.planning.plan import Cell, Plan, PlannedTrial
from orchestrator.planning.retraining import Retraining, retraining_chains
from orchestrator.planning.targets import Target, target_chains
from orchestrator.sweep.dense import DenseSpec
from orchestrator.sweep.problems import Problem
from workers.techniques import DENSE
from workers.trial import MaskRule, Pretrained, Stop, Trial, trial_id


def make_plan(crossing: Crossing) -> Plan:
    """Expand a sweep. Raises SpecError for what the size of the data or the network makes impossible."""
    spec, choose = crossing.spec, crossing.facts.choice
    plan = Plan(spec, spec.worker_evaluation, [], {})
    expansions = [_Expansion(setting, answer, spec.dense, plan.trials, choose) for setting, answer in crossing]
    if problems := [problem for expansion in expansions for problem in expansion.problems]:
        raise spec.refusal(problems)
    cells: dict[tuple[Any, ...], Cell] = {}
    for expansion in expansions:
        for cell in expansion.cells():
            identity = cell._replace(budget=None, pruning="" if cell.technique == DENSE else cell.pruning)
            cells.setdefault(identity, cell)
    plan.cells.extend(cells.values())
    return plan


class _Expansion:
    """The cells of one setting. Adds their trials to `trials`, parents before children.

    `problems` are those that make cells impossible; without any, `cells` has all of them.
    """

    def __init__(
        self,
        setting: Setting,
        answer: Answer,
        pretrained: DenseSpec | None,
        trials: dict[str, PlannedTrial],
        choose: Choose,
    ) -> None:
        question = setting.question
        self.problems: list[Problem] = []
        self._setting = setting
        self._answer = answer
        self._pretrained = pretrained
        self._trials = trials
        self._task = task_of(question, answer)
        training = setting.training(answer)
        self._steps_per_epoch = training.steps_per_epoch
        self._dense = training.dense
        self._retrainings = retraining_chains(setting.grid, setting.places["grid"], training, self.problems, choose)
        self._chains = target_chains(setting, answer, self.problems)

    def cells(self) -> Iterator[Cell]:
        """The dense network of each replicate, and every cell that the grid prunes from it."""
        for replicate in self._setting.grid.replicates:
            dense = self._add_dense(replicate)
            yield self._dense_cell(dense, replicate)
            for rounds, targets in product(self._retrainings, self._chains):
                yield from self._chain(rounds, targets, dense, replicate)

    def _chain(
        self, rounds: Sequence[Retraining], targets: Sequence[Target], dense: Stop, replicate: int
    ) -> Iterator[Cell]:
        """The rounds of one chain of pruning and retraining."""
        pruning = self._setting.pruning
        previous = dense
        lineage: tuple[str, ...] = ()
        cost = 0
        for number, (retraining, target) in enumerate(zip(rounds, targets, strict=True), start=1):
            trial = self._retraining_trial(retraining, target, number, previous, dense, replicate)
            lineage = (*lineage, previous.trial)
            previous = self._add(trial, retraining.steps)
            cost += retraining.steps
            yield Cell(
                **self._setting.labels(),
                pruning=pruning.label,
                schedule="iterative" if self._setting.grid.iterative else "one_shot",
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

    def _retraining_trial(
        self, retraining: Retraining, target: Target, number: int, previous: Stop, dense: Stop, replicate: int
    ) -> Trial:
        """The trial that prunes the network of a stop, `previous`, to a target and retrains it."""
        starts = {"final": previous, "rewind": Stop(dense.trial, retraining.rewind_step), "fresh": None}
        pruning = self._setting.question.pruning
        return Trial(
            task=self._task,
            replicate=replicate,
            stage="reinit" if retraining.start == "fresh" else str(number),
            rates=retraining.rates,
            start=starts[retraining.start],
            mask=MaskRule(source=previous, density=target.density, pruning=pruning, filters=target.filters),
            rate_floor=retraining.rate_floor,
        )

    def _add_dense(self, replicate: int) -> Stop:
        if self._pretrained is not None:
            path = self._pretrained.file(replicate)
            file = Pretrained(path=path, checksum=self._answer.checksums[path])
            return self._add(Trial(task=self._task, replicate=replicate, stage="dense", rates=(), pretrained=file), 0)
        trial = Trial(task=self._task, replicate=replicate, stage="dense", rates=self._dense.schedule)
        return self._add(trial, self._dense.steps)

    def _dense_cell(self, dense: Stop, replicate: int) -> Cell:
        return Cell(
            **self._setting.labels(),
            pruning="none",
            schedule="dense",
            technique=DENSE,
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
        """Plan a stop with a record, and the states that the trial begins with."""
        trial_name = trial_id(trial)
        planned = PlannedTrial(trial, self._steps_per_epoch, self._answer.checkpoint_bytes)
        self._trials.setdefault(trial_name, planned).records.add(step)
        for parent in trial.parents:
            self._trials[parent.trial].starts.add(parent.step)
        return Stop(trial_name, step)

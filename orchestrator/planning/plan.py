"""A plan: cells, their stops, the trials with their parents, and what is missing. Pure: no clock, files or torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NamedTuple

import pyarrow as pa

from orchestrator.planning.cells import CELLS, html_of_grids
from orchestrator.sweep.spec import SweepSpec
from workers import html
from workers.store.layout import RecordKey
from workers.techniques import DENSE
from workers.text import plural
from workers.trial import Evaluation, Job, Stop, Trial


class Cell(NamedTuple):
    """A named point of the grid: the columns of `CELLS` with exact numbers, and the steps of the whole lineage."""

    dataset: str
    network: str
    recipe: str
    pruning: str
    schedule: str
    technique: str
    round: int
    density: Fraction
    budget: str | None
    budget_epochs: float | None
    replicate: int
    search_cost_epochs: float
    stop: Stop
    dense: Stop
    lineage: tuple[str, ...]
    lineage_steps: int

    def row(self) -> dict[str, Any]:
        """The cell as a row of `CELLS`, without `evaluation`."""
        row: dict[str, Any] = self._asdict()
        del row["lineage_steps"]
        row["density"] = float(self.density)
        row["compression"] = float(1 / self.density)
        row["trial"], row["step"] = row.pop("stop")
        row["dense_trial"], row["dense_step"] = row.pop("dense")
        return row


@dataclass(slots=True)
class PlannedTrial:
    """A trial and its stops: the steps that yield records, and those at which other trials start."""

    trial: Trial
    steps_per_epoch: Fraction
    checkpoint_bytes: int
    records: set[int] = field(default_factory=set)
    starts: set[int] = field(default_factory=set)


@dataclass(slots=True, repr=False)
class Plan:
    """The cells and trials of a sweep. `trials` has parents before their children."""

    spec: SweepSpec
    evaluation: Evaluation
    cells: list[Cell]
    trials: dict[str, PlannedTrial]

    def __repr__(self) -> str:
        trials = len(self.missing(set(), set()))
        return f"<Plan of {self.spec.name}: {plural(len(self.cells), 'cell')}, {plural(trials, 'trial')}>"

    def _repr_html_(self) -> str:
        steps = self.shared_steps()
        trials = len(self.missing(set(), set()))
        sizes = f"{plural(len(self.cells), 'cell')}, {plural(trials, 'trial')}, {plural(steps, 'step')}"
        saved = f"; sharing trials saves a factor of {self.unshared_steps() / steps:.2f}" if steps else ""
        return f"{html_of_grids(f'Plan of sweep {self.spec.name}', self.rows())}\n{html.paragraph(sizes + saved)}"

    def only(self, wanted: Callable[[dict[str, Any]], bool]) -> Plan:
        """The part of the plan with the cells that a predicate on rows of `CELLS` picks, and their dense networks."""
        picked = [cell for cell, row in zip(self.cells, self.rows(), strict=True) if wanted(row)]
        dense = {cell.dense for cell in picked}
        picked += [cell for cell in self.cells if cell.technique == DENSE and cell.stop in dense - set(picked)]
        kept = set(picked)
        cells = [cell for cell in self.cells if cell in kept]
        records: dict[str, set[int]] = defaultdict(set)
        for cell in cells:
            records[cell.stop.trial].add(cell.stop.step)
        trials = {name: replace(planned, records=records[name]) for name, planned in self.trials.items()}
        return Plan(self.spec, self.evaluation, cells, trials)

    def with_cells_of(self, owns: Callable[[str], bool]) -> Plan:
        """This plan with the cells of some trials only. All its trials stay."""
        return replace(self, cells=[cell for cell in self.cells if owns(cell.stop.trial)])

    def missing(self, records: Set[RecordKey], checkpoints: Set[Stop]) -> dict[str, Job]:
        """The jobs that remain, parents before children, given the records and checkpoints of a store.

        A checkpoint without a record is missing only if a remaining trial starts from it.
        """
        key = self.evaluation.key
        demanded: dict[str, set[int]] = defaultdict(set)
        jobs = {}
        for name, planned in reversed(self.trials.items()):
            to_record = {step for step in planned.records if RecordKey(name, step, key) not in records}
            to_keep = {step for step in demanded[name] if Stop(name, step) not in checkpoints}
            if not to_record and not to_keep:
                continue
            if self.spec.keep == "all":
                to_keep |= to_record
            jobs[name] = Job(
                trial=planned.trial,
                records=tuple(sorted(to_record)),
                checkpoints=tuple(sorted(to_keep)),
                evaluation=self.evaluation,
                ranks=self.spec.resources.ranks(is_dense=planned.trial.stage == "dense"),
            )
            for stop in planned.trial.parents:
                demanded[stop.trial].add(stop.step)
        return dict(reversed(jobs.items()))

    def shared_steps(self) -> int:
        """Steps to train the whole plan from nothing, each trajectory once."""
        return sum(job.last_step for job in self.missing(set(), set()).values())

    def shared_epochs(self) -> float:
        """`shared_steps` in epochs."""
        jobs = self.missing(set(), set())
        return sum(float(job.last_step / self.trials[name].steps_per_epoch) for name, job in jobs.items())

    def unshared_steps(self) -> int:
        """Steps to train every pruned cell alone, including a dense network for each."""
        return sum(cell.lineage_steps for cell in self._alone())

    def unshared_epochs(self) -> float:
        """`unshared_steps` in epochs."""
        return sum(float(cell.lineage_steps / self.trials[cell.stop.trial].steps_per_epoch) for cell in self._alone())

    def _alone(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.technique != DENSE] or self.cells

    def checkpoint_bytes(self) -> int:
        """The size of the checkpoints that remain once the sweep is done."""
        if self.spec.keep == "results_only":
            return 0
        jobs = self.missing(set(), set())
        return sum(len(job.checkpoints) * self.trials[name].checkpoint_bytes for name, job in jobs.items())

    def rows(self) -> Iterator[dict[str, Any]]:
        """The cells as rows of `CELLS`."""
        evaluation = {"evaluation": self.evaluation.key}
        return (cell.row() | evaluation for cell in self.cells)

    def table(self) -> pa.Table:
        """The cells as a table of the declared schema."""
        return pa.Table.from_pylist(list(self.rows()), schema=CELLS)


def first_steps(jobs: Mapping[str, Job], states: Iterable[Stop]) -> dict[str, int]:
    """From which step each job continues, given the states that a store has; 0 where it begins."""
    steps: dict[str, list[int]] = defaultdict(list)
    for stop in states:
        steps[stop.trial].append(stop.step)
    limits = {name: min(job.records + job.checkpoints) for name, job in jobs.items()}
    return {name: max((step for step in steps[name] if step <= limit), default=0) for name, limit in limits.items()}


def steps_left(jobs: Mapping[str, Job], states: Iterable[Stop]) -> dict[str, int]:
    """Steps that each job still has to train, given the states that a store has."""
    first = first_steps(jobs, states)
    return {name: job.last_step - first[name] for name, job in jobs.items()}

"""What `prunesweep plan` shows: a plan in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from orchestrator.planning import expand
from orchestrator.planning.crossing import Crossing, find_out, questions
from orchestrator.planning.data_facts import Planned, data_facts
from orchestrator.planning.estimate import rehearsed_seconds_per_step, seconds_left, seconds_per_step
from orchestrator.planning.facts import Facts
from orchestrator.planning.plan import Plan, steps_left
from orchestrator.planning.probe import Probed, longest_chain, probe
from orchestrator.planning.prunable_share import Share, shares
from orchestrator.planning.select import check_picked, selector
from orchestrator.sweep.spec import SweepSpec
from workers.store import Store
from workers.store.store import existing_store
from workers.text import duration, plural, size
from workers.trial import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """A plan in numbers. Epochs are those of each trial's task; `seconds` is trial-seconds (divide by the slots),
    `seconds_rehearsed` whether any of them are estimated from a rehearsal, for want of past trials. With a probe, the
    sweep takes `seconds_on_this_machine` with `slots` trials at once. `price` is in the currency of `price_per_hour`.
    """

    sweep: str
    cells: int
    cells_done: int
    cells_by_technique: dict[str, int]
    trials: int
    trials_missing: int
    steps: int
    epochs: float
    steps_without_sharing: int
    epochs_without_sharing: float
    steps_missing: int
    epochs_missing: float
    checkpoint_bytes: int
    seconds: float | None
    seconds_rehearsed: bool
    seconds_on_this_machine: float | None
    slots: int | None
    probed: list[Probed]
    price: float | None
    price_per_hour: float | None
    data: list[Planned]
    unreadable: dict[str, str]
    prunable: list[Share]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"probed": [task._asdict() for task in self.probed]}

    def __str__(self) -> str:
        techniques = ", ".join(f"{count:,} {name}" for name, count in self.cells_by_technique.items())
        saved = self.steps_without_sharing / self.steps if self.steps else 1
        rows = [
            ("to train now", self.steps_missing, self.epochs_missing),
            ("whole sweep", self.steps, self.epochs),
            ("without sharing", self.steps_without_sharing, self.epochs_without_sharing),
        ]
        width = max(len(f"{steps:,}") for _, steps, _ in rows)
        lines = [
            f"Sweep {self.sweep}: {plural(self.cells, 'cell')} ({techniques}), {plural(self.trials, 'trial')}",
            "",
            *self._base(),
            f"  {'':16}{'steps':>{width}}  {'epochs':>12}",
            *(f"  {name:16}{steps:>{width},}  {epochs:>12,.1f}" for name, steps, epochs in rows),
            "",
            f"  Sharing trajectories saves a factor of {saved:.2f}",
            f"  In the store: {self.cells_done:,} of {plural(self.cells, 'cell')}; "
            f"{plural(self.trials_missing, 'trial')} to run",
            f"  Checkpoints: {size(self.checkpoint_bytes)} once all is done",
        ]
        if self.steps_missing:
            lines += [*self._probe(), f"  Time: {self._time()}"]
        if self.price is not None:
            lines.append(f"  Price: about {self.price:,.2f}, at {self.price_per_hour:g} per trial-hour")
        return "\n".join(lines)

    def _base(self) -> list[str]:
        """What the numbers of the sweep are about: its data, and the share of its networks that may be pruned."""
        lines = [*(str(facts) for facts in self.data), *(f"  {share}" for share in self.prunable)]
        return [*lines, ""] if lines else []

    def _probe(self) -> list[str]:
        """What the tasks take on this machine."""
        if not self.probed:
            return []
        width = max(len(task.task) for task in self.probed)
        rows = [
            f"    {task.task:{width}}  {task.begin:>7.2f} s  {1000 * task.step:>8.2f} ms  {task.evaluation:>9.3f} s"
            for task in self.probed
        ]
        return [f"    {'on this machine':{width}}  {'to begin':>9}  {'a step':>11}  {'an evaluation':>11}", *rows]

    def _time(self) -> str:
        if self.seconds is None:
            return "unknown until the first trials are in the store; `--probe` measures"
        if self.seconds_on_this_machine is not None:
            at_once = f"{plural(self.slots or 1, 'trial')} at once"
            return (
                f"about {duration(self.seconds)} of compute, as measured: on this machine about "
                f"{duration(self.seconds_on_this_machine)} with {at_once}"
            )
        source = ", from the rehearsal" if self.seconds_rehearsed else ""
        return f"about {duration(self.seconds)} of compute, divided by trials in parallel{source}"


def preview(
    spec: SweepSpec,
    store: str | None = None,
    only: str | None = None,
    known_before: Facts | None = None,
    *,
    probing: bool = False,
) -> Preview:
    """Plan a sweep, and count what a store (by default the sweep file's) already has.

    Data sets and networks whose facts are `known_before` are not inspected. With `probing`, the time is measured on
    this machine.
    """
    existing = existing_store(store or spec.store)
    crossing = find_out(spec, existing, known_before)
    plan = _only(expand.make_plan(crossing), only)
    records, unsound = existing.records.sound() if existing else (set(), {})
    checkpoints = set(existing.states.checkpoint_sizes()) if existing else set()
    jobs = plan.missing(records, checkpoints)
    left = steps_left(jobs, checkpoints | set(existing.states.partial_sizes()) if existing else set())
    whole = {name: job.last_step for name, job in plan.missing(set(), set()).items()}
    per_epoch = {name: float(planned.steps_per_epoch) for name, planned in plan.trials.items()}
    key = plan.evaluation.key
    time = _measured(crossing, jobs, left) if probing else _estimated(spec, crossing, existing, jobs, left)
    rate = spec.resources.price_per_hour
    return Preview(
        sweep=spec.name,
        cells=len(plan.cells),
        cells_done=sum((cell.stop.trial, cell.stop.step, key) in records for cell in plan.cells),
        cells_by_technique=dict(Counter(cell.technique for cell in plan.cells)),
        trials=len(whole),
        trials_missing=len(jobs),
        steps=sum(whole.values()),
        epochs=plan.shared_epochs(),
        steps_without_sharing=plan.unshared_steps(),
        epochs_without_sharing=plan.unshared_epochs(),
        steps_missing=sum(left.values()),
        epochs_missing=sum(steps / per_epoch[name] for name, steps in left.items()),
        checkpoint_bytes=plan.checkpoint_bytes(),
        seconds=time.seconds,
        seconds_rehearsed=time.rehearsed,
        seconds_on_this_machine=time.on_this_machine,
        slots=time.slots,
        probed=time.probed,
        price=time.seconds / 3600 * rate if time.seconds is not None and rate is not None else None,
        price_per_hour=rate,
        data=data_facts(crossing),
        unreadable=crossing.facts.unreadable | unsound,
        prunable=shares(crossing),
    )


def _only(plan: Plan, only: str | None) -> Plan:
    """The part of a plan that a selection picks. Raises InputError if it picks nothing."""
    if only is None:
        return plan
    part = plan.only(selector(only))
    check_picked(bool(part.cells), only, plan.rows())
    return part


class _Time(NamedTuple):
    """How long a sweep takes: the fields of a Preview."""

    seconds: float | None
    rehearsed: bool = False
    on_this_machine: float | None = None
    slots: int | None = None
    probed: list[Probed] = []  # noqa: RUF012  (never changed)


def _measured(crossing: Crossing, jobs: Mapping[str, Job], left: Mapping[str, int]) -> _Time:
    """The time of the steps that are left, from a few steps of each task on this machine."""
    measured = probe(crossing)
    of_jobs = measured.seconds(jobs, left)
    seconds = sum(of_jobs.values())
    return _Time(
        seconds,
        on_this_machine=max(seconds / measured.slots, longest_chain(jobs, of_jobs)),
        slots=measured.slots,
        probed=list(measured.tasks.values()),
    )


def _estimated(
    spec: SweepSpec, crossing: Crossing, store: Store | None, jobs: Mapping[str, Job], left: Mapping[str, int]
) -> _Time:
    """The time of the steps that are left, from past trials or a rehearsal."""
    past = seconds_per_step(store) if store else {}
    estimate = seconds_left(jobs, left, past, rehearsed_seconds_per_step(questions(spec), crossing.facts))
    return _Time(estimate.seconds, estimate.rehearsed) if estimate else _Time(None)

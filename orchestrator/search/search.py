"""`prunesweep prune`: how small can a network be, within a tolerance of its accuracy?

Renda, Frankle, Carbin (ICLR 2020), Algorithm 1, with a rule for when to stop: after the first round in which
validation accuracy has fallen by more than the tolerance. Test accuracy is reported, and decides nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from orchestrator.driver.session import RunOptions, Summary, driving, run_plan
from orchestrator.planning import changes, expand
from orchestrator.planning.crossing import cross, find_out
from orchestrator.planning.plan import Cell, Plan
from orchestrator.results.model_export import ExportedModel, check_folder, export_stop
from orchestrator.search.settings import SearchSettings
from orchestrator.search.sweep import chain_sweep, most_rounds, parse_rate, with_rounds
from orchestrator.sweep.spec import SweepSpec
from workers.errors import InputError, StoreError
from workers.store.store import RecordKey, Store
from workers.trial import Stop

Reason = Literal["tolerance", "max_rounds", "nothing_left"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """A round of pruning (number 0: the dense network). Tuples have one value for each replicate.

    Accuracies are fractions, changes points (percent) against the same replicate's dense network.
    """

    number: int
    density: float
    stops: tuple[Stop, ...]
    validation_accuracy: tuple[float, ...]
    test_accuracy: tuple[float, ...]
    validation_change: tuple[float, ...]
    test_change: tuple[float, ...]
    epochs: float

    @property
    def compression(self) -> float:
        return 1 / self.density

    def is_within(self, tolerance: float) -> bool:
        """Whether the median of validation accuracy has fallen by at most so many points."""
        return -median(self.validation_change) <= tolerance

    def best_stop(self) -> Stop:
        """Of the replicates whose change is not below the median, the one of the highest validation accuracy."""
        lowest = median(self.validation_change)
        able = [index for index, change in enumerate(self.validation_change) if change >= lowest]
        return self.stops[max(able, key=lambda index: self.validation_accuracy[index])]

    def to_json(self) -> dict[str, Any]:
        names = ("validation_accuracy", "test_accuracy", "validation_change", "test_change")
        return {"round": self.number, "compression": self.compression, "density": self.density} | {
            name: list(getattr(self, name)) for name in names
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """How a search went: its rounds, the dense network first; which of them was kept, why it ended, and the files.

    The last three are None where the search did not come to its end: `summary` says why.
    """

    rounds: list[Round]
    summary: Summary
    kept: Round | None = None
    reason: Reason | None = None
    model: ExportedModel | None = None

    @property
    def exit_code(self) -> int:
        """That of the run; 130 if its time was up between two rounds."""
        return self.summary.exit_code or (0 if self.kept else 130)


def kept_round(rounds: Sequence[Round], tolerance: float) -> Round:
    """The last round before the first that is not within the tolerance; the dense network if that is the first."""
    kept = rounds[0]
    for each in rounds[1:]:
        if not each.is_within(tolerance):
            break
        kept = each
    return kept


def search(
    spec: SweepSpec,
    location: str,
    to: str,
    asked: SearchSettings,
    *,
    accept_changes: bool,
    options: RunOptions,
    on_round: Callable[[Round], None],
) -> Pruned:
    """See `orchestrator.api.prune`."""
    from orchestrator.api import store_to_write

    tolerance, max_rounds = asked.tolerance, asked.max_rounds
    if not 0 <= tolerance <= 100:
        raise InputError(f"the tolerance is between 0 and 100 points of accuracy, not {tolerance}", hint="`0.5`")
    if max_rounds is not None and max_rounds < 1:
        raise InputError(f"there must be at least one round, not {max_rounds}", hint="leave `max_rounds` out")
    share = parse_rate(asked.rate)
    chain = chain_sweep(spec, share, asked.replicates)
    known = find_out(chain, store_to_write(location))
    [setting] = cross(chain)
    possible = most_rounds(sum(known[setting.question].layers.values()), share)
    limit = min(possible, max_rounds or possible)
    whole = expand.make_plan(with_rounds(chain, limit), known)
    check_folder(to)
    with driving(whole, known, location, accept_changes=accept_changes) as (store, lease):
        found = _Search(whole, limit, asked, store, on_round)
        summary = run_plan(found.first(), store, lease, options, found.following, known.loaded)
        if summary.exit_code or not found.ended:
            return Pruned(rounds=found.rounds, summary=summary)
        reason: Reason = "max_rounds" if limit == max_rounds else "nothing_left"
        if not found.rounds[-1].is_within(tolerance):
            reason = "tolerance"
        kept = kept_round(found.rounds, tolerance)
        about = {
            "tolerance": float(tolerance),
            "rate": float(share),
            "replicates": asked.replicates,
            "stopped_by": reason,
            "kept_round": kept.number,
            "epochs_trained": sum(each.epochs for each in found.rounds),
            "rounds": [each.to_json() for each in found.rounds],
        }
        model = export_stop(store, chain.name, kept.best_stop(), to, spec.name, {"search": about})
        found.keep_end(reason)
        return Pruned(rounds=found.rounds, summary=summary, kept=kept, reason=reason, model=model)


class _Search:
    """Algorithm 1 as a plan that grows by a round, as long as the last one is within the tolerance."""

    def __init__(
        self, whole: Plan, limit: int, asked: SearchSettings, store: Store, on_round: Callable[[Round], None]
    ) -> None:
        self.rounds: list[Round] = []
        self.ended = False
        self._whole = whole
        self._limit = limit
        self._asked = asked
        self._store = store
        self._on_round = on_round

    def first(self) -> Plan:
        """The dense network and one round."""
        return self._plan(1)

    def following(self) -> Plan | None:
        """Once all rounds so far are done: the plan of one more, or None at the end."""
        made = read_rounds(self._part, self._store)
        for each in made[len(self.rounds) :]:
            self._on_round(each)
        self.rounds = made
        last = made[-1]
        self.ended = last.number == self._limit or not last.is_within(self._asked.tolerance)
        return None if self.ended else self._plan(last.number + 1)

    def _plan(self, rounds: int) -> Plan:
        """The part of the whole plan that is the plan of so many rounds; its sweep is kept in the store."""
        part = self._whole.only(lambda row: row["round"] <= rounds)
        self._part = replace(part, spec=with_rounds(self._whole.spec, rounds))
        _keep_sweep(self._part, self._asked.to_json(), self._store)
        return self._part

    def keep_end(self, reason: Reason) -> None:
        """Keep in the store that the search came to its end."""
        _keep_sweep(self._part, self._asked.to_json() | {"stopped_by": reason}, self._store)


def _keep_sweep(part: Plan, search: dict[str, Any], store: Store) -> None:
    """Keep the sweep of so many rounds with what was asked for, in place of that of fewer; one of more stays."""
    sweep, cells = changes.resolved(part), part.table()
    grown_from = None
    for newest in store.sweeps()[-1:]:
        kept = store.read_sweep(newest)
        before = kept.pop("search", None)
        rounds = _rounds_of(kept, sweep)
        if rounds is None:
            break
        grown_from = newest
        if rounds >= _number_of_rounds(sweep):
            if before == search:
                return
            sweep, cells = kept, store.read_cells(newest)
    store.add_sweep(part.spec.name, sweep | {"search": search}, cells, grown_from=grown_from)


def _rounds_of(kept: dict[str, Any], sweep: dict[str, Any]) -> int | None:
    """How many rounds a sweep has that was kept; None if it differs in anything else."""
    [grid] = sweep["spec"]["grid"]
    try:
        rounds = _number_of_rounds(kept)
    except (KeyError, IndexError):
        return None
    same = grid | {"iterative": grid["iterative"] | {"rounds": rounds}}
    return rounds if kept == sweep | {"spec": sweep["spec"] | {"grid": [same]}} else None


def _number_of_rounds(sweep: dict[str, Any]) -> int:
    return int(sweep["spec"]["grid"][0]["iterative"]["rounds"])


def read_rounds(plan: Plan, store: Store) -> list[Round]:
    """The rounds of a plan, all of whose records a store has. Raises StoreError for a record that is damaged."""
    table, unreadable = store.records()
    key = plan.evaluation.key
    found = {RecordKey(row["trial"], row["step"], row["evaluation"]): row for row in table.to_pylist()}
    cells = defaultdict(list)
    for cell in plan.cells:
        if RecordKey(*cell.stop, key) not in found:
            reason = next(iter(unreadable.values()), f"there is no record of trial {cell.stop.trial}")
            raise StoreError(reason, hint="`prunesweep verify --repair` sets aside what is damaged")
        cells[cell.round].append(cell)
    return [
        _round(
            replicates, [(found[RecordKey(*cell.stop, key)], found[RecordKey(*cell.dense, key)]) for cell in replicates]
        )
        for _, replicates in sorted(cells.items())
    ]


def _round(cells: Sequence[Cell], records: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Round:
    """A round from its cells and for each of them its record and that of its dense network."""
    return Round(
        number=cells[0].round,
        density=float(cells[0].density),
        stops=tuple(cell.stop for cell in cells),
        validation_accuracy=tuple(record["validation_accuracy"] for record, _ in records),
        test_accuracy=tuple(record["test_accuracy"] for record, _ in records),
        validation_change=_changes(records, "validation_accuracy"),
        test_change=_changes(records, "test_accuracy"),
        epochs=sum(record["epochs"] for record, _ in records),
    )


def _changes(records: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], name: str) -> tuple[float, ...]:
    """The differences in percent, without the last digits that binary fractions leave: 98.5 − 98 is 0.5."""
    return tuple(round(100 * (record[name] - dense[name]), 9) for record, dense in records)

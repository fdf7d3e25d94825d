"""`prunesweep prune`: how small can a network be, within a tolerance of its score?

Renda, Frankle, Carbin (ICLR 2020), Algorithm 1, with a stopping rule: the search ends after the first round in which
the validation score is worse by more than the tolerance. The test score is only reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.driver.options import RunOptions
from orchestrator.driver.session import driving
from orchestrator.driver.summary import Summary
from orchestrator.planning import changes, expand
from orchestrator.planning.announcement import announce
from orchestrator.planning.crossing import Crossing, find_out
from orchestrator.planning.plan import Plan
from orchestrator.results.exports.folder import check_folder
from orchestrator.results.exports.model_export import ExportedModel, export_stop
from orchestrator.search.kept_sweep import keep_sweep
from orchestrator.search.rounds import Round, kept_round, read_rounds
from orchestrator.search.settings import SearchSettings
from orchestrator.search.sweep import chain_sweep, most_rounds, parse_rate, with_rounds
from orchestrator.sweep.spec import SweepSpec
from workers.store import Store
from workers.store.store import store_to_write

Reason = Literal["tolerance", "max_rounds", "nothing_left"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """How a search went: its rounds (the dense network first), the round that was kept, why it ended, and the files.

    The last three are None if the search did not reach its end: `summary` says why.
    """

    rounds: list[Round]
    summary: Summary
    kept: Round | None = None
    reason: Reason | None = None
    model: ExportedModel | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of the run; 130 if its time was up between two rounds."""
        return self.summary.exit_code or (0 if self.kept else 130)


def search(
    spec: SweepSpec,
    location: str,
    to: str,
    settings: SearchSettings,
    *,
    accept_changes: bool,
    options: RunOptions,
    on_round: Callable[[Round], None],
) -> Pruned:
    """See `orchestrator.api.prune`."""
    settings.check()
    rate = parse_rate(settings.rate)
    chain = chain_sweep(spec, rate, settings.replicates)
    crossing = find_out(chain, store_to_write(location))
    [(_, answer)] = crossing
    possible = most_rounds(sum(answer.layers.values()), rate)
    most = min(possible, settings.max_rounds or possible)
    whole = expand.make_plan(Crossing.of(with_rounds(chain, most), crossing.facts))
    check_folder(to)
    announce(crossing, quiet=options.quiet)
    with driving(changes.resolved(whole), crossing.facts, location, accept_changes=accept_changes) as session:
        algorithm = Search(whole, most, settings, session.store, on_round)
        summary = session.run(algorithm.plans(), options)
        if summary.exit_code or algorithm.reason is None:
            return Pruned(rounds=algorithm.rounds, summary=summary)
        kept, model = algorithm.export(to)
        return Pruned(rounds=algorithm.rounds, summary=summary, kept=kept, reason=algorithm.reason, model=model)


class Search:
    """Algorithm 1 as a sequence of plans, each with one round more than the one before.

    `whole` is the plan of the `most` rounds possible. `rounds` are those done, and `reason` says why the search ended
    (None before that).
    """

    def __init__(
        self, whole: Plan, most: int, settings: SearchSettings, store: Store, on_round: Callable[[Round], None]
    ) -> None:
        self.rounds: list[Round] = []
        self.reason: Reason | None = None
        self._whole = whole
        self._most = most
        self._settings = settings
        self._store = store
        self._on_round = on_round
        self._folder = ""  # of the sweep in the store

    def plans(self) -> Iterator[Plan]:
        """The plan of one round, then of two, and so on, as long as the last round is within the tolerance.

        Each is kept as a sweep in the store. The next one is made from the records of the one before.
        """
        for number in range(1, self._most + 1):
            plan = self._plan(number)
            self._folder = keep_sweep(plan, self._settings.to_json(), self._store)
            yield plan
            self._read(plan)
            if not self.rounds[-1].is_within(self._settings.within):
                self.reason = "tolerance"
                return
        self.reason = "max_rounds" if self._most == self._settings.max_rounds else "nothing_left"

    def export(self, to: str) -> tuple[Round, ExportedModel]:
        """Write the network of the round that is kept to the folder `to`, and why the search ended to the store."""
        plan, kept = self._plan(self.rounds[-1].number), kept_round(self.rounds, self._settings.within)
        model = export_stop(
            self._store, self._folder, kept.best_stop(), to, self._settings.name, {"search": self._about(kept)}
        )
        keep_sweep(plan, self._settings.to_json() | {"stopped_by": self.reason}, self._store)
        return kept, model

    def _plan(self, rounds: int) -> Plan:
        part = self._whole.only(lambda row: row["round"] <= rounds)
        return replace(part, spec=with_rounds(self._whole.spec, rounds))

    def _read(self, plan: Plan) -> None:
        rounds = read_rounds(plan, self._store)
        for new in rounds[len(self.rounds) :]:
            self._on_round(new)
        self.rounds = rounds

    def _about(self, kept: Round) -> dict[str, Any]:
        """What the card of the exported network says of the search."""
        return {
            "tolerance": self._settings.within.value,
            "rate": float(parse_rate(self._settings.rate)),
            "replicates": self._settings.replicates,
            "stopped_by": self.reason,
            "kept_round": kept.number,
            "epochs_trained": sum(done.epochs for done in self.rounds),
            "rounds": [done.to_json() for done in self.rounds],
        }

"""Which states in a store its sweeps still need, and which trials they have."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from orchestrator.planning import expand
from orchestrator.planning.crossing import Crossing
from orchestrator.planning.plan import Plan
from orchestrator.sweep.spec import spec_from_dict
from workers.errors import CorruptFile, InputError
from workers.store import Store, layout
from workers.store.layout import RecordKey
from workers.trial import Stop


@dataclass(slots=True)
class Needs:
    """`trials` are those of all sweeps, `unfinished` those with a missing stop; `stops` are the checkpoints to keep.

    `unreadable` names sweeps that cannot be planned (path: reason): what they need is unknown.
    """

    trials: set[str] = field(default_factory=set)
    unfinished: set[str] = field(default_factory=set)
    stops: set[Stop] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)

    def add_retired(self, plan: Plan) -> None:
        """Add the trials of a retired sweep, which needs no states."""
        self.trials |= plan.trials.keys()

    def add(self, plan: Plan, records: Set[RecordKey], checkpoints: Set[Stop]) -> None:
        """Add what a sweep needs: all its states if it keeps them, else what its missing trials start from."""
        jobs = plan.missing(records, checkpoints)
        self.trials |= plan.trials.keys()
        self.unfinished |= jobs.keys()
        for job in jobs.values():
            self.stops |= set(job.trial.parents)
        self.stops |= {stop for stop in checkpoints if stop.trial in jobs}
        if plan.spec.keep == "all":
            for trial, planned in plan.trials.items():
                self.stops |= {Stop(trial, step) for step in planned.records | planned.starts}


def needs_of(store: Store, *, retired: bool = False) -> Needs:
    """What the sweeps of a store need of its states; a retired sweep needs none, unless those count `retired`, too.

    Trains, writes and describes nothing.
    """
    needs = Needs()
    records, checkpoints = store.records.all_keys(), set(store.states.checkpoint_sizes())
    for folder in store.sweeps.folders():
        try:
            plan = _plan(store, folder)
        except (CorruptFile, InputError) as error:
            needs.unreadable[layout.sweep_folder_path(folder)] = error.message
        else:
            if store.sweeps.is_retired(folder) and not retired:
                needs.add_retired(plan)
            else:
                needs.add(plan, records, checkpoints)
    return needs


def _plan(store: Store, folder: str) -> Plan:
    spec = spec_from_dict(store.sweeps.read(folder).get("spec", {}))
    return expand.make_plan(Crossing.pinned(spec, store))

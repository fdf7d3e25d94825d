"""What a store's sweeps still need of the states in it, and which trials they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass, field

from orchestrator.planning import expand, facts
from orchestrator.planning.crossing import questions
from orchestrator.planning.plan import Plan
from orchestrator.sweep.spec import spec_from_dict
from workers.errors import CorruptFile, InputError
from workers.store.store import RecordKey, Store
from workers.trial import Stop


@dataclass(slots=True)
class Needs:
    """`trials` are those of all sweeps, `unfinished` those with a stop to make; `stops` are the checkpoints to keep.

    `unreadable` names sweeps that could not be planned (path: reason): of what they need nothing is known.
    """

    trials: set[str] = field(default_factory=set)
    unfinished: set[str] = field(default_factory=set)
    stops: set[Stop] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)


def needs(store: Store) -> Needs:
    """What the sweeps of a store need of its checkpoints. Trains, writes and describes nothing."""
    found = Needs()
    records, checkpoints = store.record_keys(), set(store.checkpoint_sizes())
    for folder in store.sweeps():
        try:
            plan = _plan(store, folder)
        except (CorruptFile, InputError) as error:
            found.unreadable[f"sweeps/{folder}"] = str(error)
            continue
        found.trials |= plan.trials.keys()
        _add(found, plan, records, checkpoints)
    return found


def _plan(store: Store, folder: str) -> Plan:
    spec = spec_from_dict(store.read_sweep(folder).get("spec", {}))
    known = facts.pinned(questions(spec), store)
    return expand.make_plan(spec, known)


def _add(found: Needs, plan: Plan, records: Set[RecordKey], checkpoints: Set[Stop]) -> None:
    """Everything, where the sweep keeps all; else what its missing trials begin with or go on from."""
    jobs = plan.missing(records, checkpoints)
    found.unfinished |= jobs.keys()
    of_trial = defaultdict(set)
    for stop in checkpoints:
        of_trial[stop.trial].add(stop)
    for name, job in jobs.items():
        found.stops |= set(job.trial.parents) | of_trial[name]
    if plan.spec.keep == "all":
        for name, planned in plan.trials.items():
            found.stops |= {Stop(name, step) for step in planned.records | planned.starts}

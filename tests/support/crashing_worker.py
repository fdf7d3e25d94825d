"""A worker that may die at a crash point: it trains a dense network and a pruned one, as a sweep would."""

from __future__ import annotations

from tests.support import tiny
from tests.support.forks import serve
from workers import crashpoints
from workers.machine.device import Device
from workers.store import Store
from workers.training.run import run
from workers.trial import Job, trial_id

OFTEN = Device(checkpoint_seconds=0, chunk_seconds=0)
END = 12  # steps of the dense training


def scenario(location: str) -> None:
    """Do what is missing of a small sweep."""
    store = Store(location, create=True)
    dense = tiny.dense()
    child = tiny.retraining("weight_rewinding", dense, step=END)
    for job in (
        Job(trial=dense, records=(END,), checkpoints=(8, END)),
        Job(trial=child, records=(3, 7), checkpoints=(7,)),
    ):
        for _ in run(job, store, OFTEN):
            pass
        store.states.delete_partial(trial_id(job.trial))
    store.records.consolidate()


def count(location: str) -> dict[str, int]:
    """How often each crash point is passed in an undisturbed scenario."""
    passed: dict[str, int] = {}
    crashpoints.watch(lambda name: passed.update({name: passed.get(name, 0) + 1}))
    try:
        scenario(location)
    finally:
        crashpoints.watch(None)
    return passed


if __name__ == "__main__":
    serve(scenario)

"""A process with torch loaded that forks a child for each line `store setting` and writes how the child ended.

The child trains a dense network and a pruned one, as a sweep would, and dies where the setting says (`-`: nowhere).
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile

from tests.support import tiny
from workers import crashpoints
from workers.store.store import Store
from workers.training.device import Device
from workers.training.run import run
from workers.trial import Job, trial_id

OFTEN = Device(checkpoint_seconds=0, chunk_seconds=0)


def scenario(location: str) -> None:
    """Do what is missing of a small sweep."""
    store = Store(location, create=True)
    dense = tiny.dense()
    child = tiny.retraining("weight_rewinding", dense)
    for job in (
        Job(trial=dense, records=(tiny.TOTAL,), checkpoints=(8, tiny.TOTAL)),
        Job(trial=child, records=(3, 7), checkpoints=(7,)),
    ):
        for _ in run(job, store, OFTEN):
            pass
        store.forget_progress(trial_id(job.trial))
    store.consolidate()


def count(location: str) -> dict[str, int]:
    """How often each crash point is passed in an undisturbed scenario."""
    passed: dict[str, int] = {}
    crashpoints.watch(lambda name: passed.update({name: passed.get(name, 0) + 1}))
    try:
        scenario(location)
    finally:
        crashpoints.watch(None)
    return passed


def _child(location: str, setting: str) -> int:
    logging.disable()
    if setting != "-":
        crashpoints.arm(setting)
    try:
        scenario(location)
    except crashpoints.Crash:
        return 1
    return 0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario(f"{folder}/store")  # torch imports much only when it is first used
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_child(*line.split()))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()

"""Jobs that are executed in the test's own process, and stopped after some chunks."""

from __future__ import annotations

import contextlib
import itertools

from tests.support import tiny
from workers.machine.device import Device
from workers.training.run import run
from workers.trial import Job

OFTEN = Device(checkpoint_seconds=0, chunk_seconds=0)
DENSE = Job(trial=tiny.dense(), records=(tiny.TOTAL,), checkpoints=(8, tiny.TOTAL))


def execute(job, store, machine=OFTEN):
    for _ in run(job, store, machine):
        pass


def interrupted(store, chunks, job=DENSE):
    """Begin a job and stop it after some chunks."""
    with contextlib.closing(run(job, store, OFTEN)) as execution:
        for _ in itertools.islice(execution, chunks):
            pass

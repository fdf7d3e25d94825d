"""Attempts at an endless trial in this process, also by the actor that Tune makes of them."""

from __future__ import annotations

import json
import os

from tests.support import tiny
from workers.machine.device import Device
from workers.training.attempt import Attempt, Bounds
from workers.trial import Job, Network, Recipe, Segment, Task, Trial

ENDLESS = 1_000_000  # steps that no test waits for


def tiny_job():
    task = Task(
        dataset=tiny.DATA,
        network=Network(name="mlp", arguments={"hidden": [16]}),
        recipe=Recipe(batch_size=16, optimizer="SGD"),
    )
    trial = Trial(task=task, replicate=0, stage="dense", rates=(Segment(rate=0.1),))
    return Job(trial=trial, records=(ENDLESS,), checkpoints=())


OFTEN = Device(chunk_seconds=0)


def attempt(store):
    """An attempt as a driver makes it in its own process."""
    return Attempt(tiny_job(), store, OFTEN, Bounds(lease="token"))


def actor(store, device=OFTEN):
    """A worker's actor as Tune makes it, here in this process. A step of it is one chunk of the endless trial."""
    from orchestrator.driver.on_ray.ray_actor import TrialActor
    from workers.trial import job_to_json

    made = object.__new__(TrialActor)
    config = {"job": json.dumps(job_to_json(tiny_job()))}
    made.setup(config, store.location, device, Bounds(lease="token"), os.getcwd(), step_seconds=0)
    return made

"""The worker's side of Ray Tune: an actor that runs one trial after the other."""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import Any

import ray
from ray import tune

from orchestrator.driver.on_ray.newcomers import Newcomers
from orchestrator.driver.on_ray.unfit_nodes import UnfitNode, is_draining, this_node
from workers.errors import BadInput, StoreError
from workers.machine.device import Device
from workers.machine.gpu_memory import GpuMemory
from workers.registry.fresh_modules import add_import_folder
from workers.store import Store
from workers.training.attempt import NOTHING, Attempt, Bounds, Ending, Report, not_begun
from workers.trial import Task, job_from_json

_STEP_SECONDS = 2.0  # one report to the driver at most this often


class Unfit(Exception):
    """Raised in a worker to report how an attempt ended and to make Tune replace the process."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


class TrialActor(tune.Trainable):
    """A worker process: one trial after the other, each in chunks of about two seconds."""

    def setup(
        self,
        config: dict[str, Any],
        location: str,
        device: Device,
        bounds: Bounds,
        folder: str,
        newcomers: Newcomers | None = None,
        step_seconds: float = _STEP_SECONDS,
    ) -> None:
        add_import_folder(folder)  # the user's code is in the folder where the driver was started
        os.environ["PYTHONSAFEPATH"] = "1"  # also in processes that decode images, installed packages come first
        self._location = location
        self._is_fit = _has(device)
        self._device = device
        self._bounds = bounds
        self._folder = folder
        self._newcomers = newcomers
        self._step_seconds = step_seconds
        self._stepping = self._terminated = False
        self._memory = GpuMemory(device)
        self._leaks = False
        self._store: Store | None = None
        self._attempt: Attempt | None = None
        self._config = config
        signal.signal(signal.SIGTERM, self._terminate)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self._config = new_config
        return True

    def _begin(self) -> Attempt:
        """The attempt of this trial, which begins with its first step: an actor may end before that."""
        if self._attempt is None:
            job = job_from_json(json.loads(self._config["job"]))
            self._store = self._checked_store(job.trial.task)
            self._attempt = Attempt(job, self._store, self._device, self._bounds, own_process=True)
        return self._attempt

    def _checked_store(self, task: Task) -> Store:
        """The store. Raises UnfitNode if this node has joined the cluster and cannot run the trials of a task."""
        if self._newcomers is None:
            return self._store or Store(self._location)
        node = this_node()
        try:
            if self._store is None:
                self._newcomers.check_node(node, self._location, self._bounds)
            store = self._store or Store(self._location)
            self._newcomers.check_task(node, task, store, self._folder)
        except BadInput as error:
            raise UnfitNode(node, error.message) from None
        return store

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGTERM: the node is drained, or the driver is gone."""
        self._terminated = True
        if self._attempt is not None:
            self._attempt.interrupt("the worker was told to stop (SIGTERM)")
        if not self._stepping:
            self.cleanup()
            sys.exit(128 + number)

    def step(self) -> dict[str, Any]:
        if not self._is_fit:
            raise UnfitNode(this_node(), "torch sees fewer GPUs there than it offers")
        if self._attempt is None and (self._leaks or is_draining()):
            raise Unfit(Ending("interrupted"))
        self._stepping = True
        try:
            attempt = self._begin()
            with attempt.ended_if_hung():
                ending = attempt.advance(self._step_seconds)
        except (OSError, StoreError) as error:  # from the store, which cannot be read
            return _result(not_begun(error), None, NOTHING)
        finally:
            self._stepping = False
        if ending is None and is_draining():
            attempt.interrupt("its node is being drained")
            self._terminated = True
        if self._terminated or (ending and self._is_spent(ending)):
            reached = attempt.step
            self.cleanup()
            raise Unfit(ending or Ending("interrupted", reached))
        return _result(ending, attempt.step, attempt.report())

    def _is_spent(self, ending: Ending) -> bool:
        """Whether a failure may have left this process unable to train: without memory, or with an error of CUDA.

        After an illegal memory access or a failed assertion on the GPU, every call of CUDA in the process fails.
        """
        if self._device.name.startswith("cuda"):
            return ending.outcome in ("out_of_memory", "bug", "bad_input")
        return ending.outcome == "out_of_memory"

    def cleanup(self) -> None:
        if self._attempt is not None:
            from workers.data.loading import kept_datasets  # brings in torch, as the attempt did

            self._attempt.close()  # saves the state of a trial that was stopped
            self._attempt = None
            self._leaks = self._memory.release(kept_datasets())

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: trials keep their states in the store."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Do nothing: see `save_checkpoint`."""


def _result(ending: Ending | None, reached: int | None, report: Report) -> dict[str, Any]:
    """What Tune is told of a step, after which the trial is done if it has an ending."""
    result = {"done": ending is not None, "reached": reached, "report": json.dumps(report.to_json())}
    return result if ending is None else result | {"ending": json.dumps(ending.to_json())}


def _has(device: Device) -> bool:
    """Whether torch finds the GPUs that this worker got, if any: Ray believes what a node is told to offer."""
    import torch

    if not device.name.startswith("cuda"):
        return True
    return torch.cuda.is_available() and torch.cuda.device_count() >= len(ray.get_gpu_ids())

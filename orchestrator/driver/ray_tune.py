"""Ray Tune as the scheduler, and only that: one fresh Tuner a run, fed from the agenda; results lie in the store.

Settings and their reasons were measured on Ray 2.60: one resource shape and reused actors (16 ms a trial instead
of 1 to 3 s), Tune's loggers off (they double that), its snapshots off (the store is the truth), own signals (Tune
ignores SIGTERM and reports interrupted trials as done), own stall watchdog (Tune waits for ever).
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

from orchestrator.driver.cluster import Cluster, available_nodes  # before Ray: it says how Ray is to behave

# isort: split

import ray
from ray import tune
from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search import Searcher

from orchestrator.driver.dispatcher import CONTINUE, Dispatcher
from orchestrator.driver.ray_watchdog import leave_if_ray_ends
from workers.errors import StoreError
from workers.own_modules import add_import_folder
from workers.store import Store
from workers.store.files import Files
from workers.store.logs import HUNG, latest_outcome
from workers.training.attempt import Attempt, Bounds, Ending
from workers.training.device import Device
from workers.training.outcomes import failure_of, lost_worker
from workers.trial import job_from_json, job_to_json, trial_id

_STEP_SECONDS = 2.0  # one report to the driver at most this often
_STALL_SECONDS = 300.0
_UNBOUNDED = 1_000_000
_SILENT_SECONDS = 600.0
_HUNG = "the worker hung and was killed after the trial timeout"


@dataclass
class _Run:
    """What the searcher, the stopper and the callback share. They are pickled by Tune, so it is not part of them.

    `names` are the trials that Tune has, by Tune's own ids; `heard` says (monotonic) when each last reported or began.
    """

    dispatcher: Dispatcher
    files: Files
    names: dict[str, str] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)

    def ended(self, tune_id: str, ending: Ending) -> None:
        """An attempt has ended."""
        self.heard.pop(tune_id, None)
        self.dispatcher.ended(self.names.pop(tune_id), ending)


_current: _Run | None = None


def _run() -> _Run:
    assert _current is not None
    return _current


def drive(dispatcher: Dispatcher, store: Store, device: Device, bounds: Bounds, cluster: Cluster, slots: int) -> None:
    """Run jobs until none is left, a stop is requested or the sweep cannot go on."""
    global _current
    _current = _Run(dispatcher, store.files)
    staged = min(slots, 16) if cluster.address is None else 16  # actors being prepared while all slots are busy
    most = slots + staged if cluster.address is None else _UNBOUNDED  # machines may join a cluster
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(staged)
    trainable = tune.with_parameters(
        TrialActor, location=store.location, device=device, bounds=bounds, folder=os.getcwd()
    )
    shape = tune.PlacementGroupFactory([{"CPU": cluster.cpus, "GPU": cluster.gpus}])
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, shape),
            tune_config=tune.TuneConfig(
                search_alg=DispatchingSearcher(),
                num_samples=-1,
                max_concurrent_trials=cluster.max_concurrent or most,
                reuse_actors=True,
                trial_name_creator=_tune_name,
                trial_dirname_creator=_tune_name,
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=scratch,
                stop=StopOnRequest(),
                callbacks=[Watch()],
                failure_config=tune.FailureConfig(max_failures=0, fail_fast=False),  # the dispatcher tries again
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        )
        dispatcher.interrupt.install()
        gcs = ray.get_runtime_context().gcs_address
        try:
            with leave_if_ray_ends(gcs, dispatcher.interrupt, store.location):
                tuner.fit()  # what it returns says nothing reliable: the store does
        finally:
            _current = None


def _tune_name(trial: TuneTrial) -> str:
    return str(trial.trial_id)


class Unfit(Exception):
    """Raised in a worker to report how an attempt ended and have Tune replace the process."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


class TrialActor(tune.Trainable):
    """A worker process: one trial after the other, each in chunks of about two seconds."""

    def setup(self, config: dict[str, Any], location: str, device: Device, bounds: Bounds, folder: str) -> None:
        add_import_folder(folder)  # code of the user's own lies where the driver was started
        os.environ["PYTHONSAFEPATH"] = "1"  # what is installed comes first in processes that decode images, too
        self._store = Store(location)
        self._device = device
        self._bounds = bounds
        self._stepping = self._terminated = False
        self._begin(config)
        signal.signal(signal.SIGTERM, self._terminate)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._attempt.close()
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        job = job_from_json(json.loads(config["job"]))
        self._attempt = Attempt(job, self._store, self._device, self._bounds)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        """SIGTERM: the machine is drained or the driver is gone."""
        self._terminated = True
        self._attempt.interrupt("its worker was told to end (SIGTERM)")
        if not self._stepping:
            self._attempt.close()
            sys.exit(128 + number)

    def step(self) -> dict[str, Any]:
        self._stepping = True
        try:
            with self._attempt.ended_if_hung():
                ending = self._attempt.advance(_STEP_SECONDS)
        finally:
            self._stepping = False
        reached = self._attempt.step
        if self._terminated or (ending and ending.outcome == "out_of_memory"):  # it would keep what memory it holds
            self._attempt.close()
            raise Unfit(ending or Ending("interrupted", reached))
        if ending is None:
            return {"done": False, "reached": reached}
        return {"done": True, "reached": reached, "ending": json.dumps(ending.to_json())}

    def cleanup(self) -> None:
        self._attempt.close()  # saves the state of a trial that was stopped

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: trials keep their own states in the store."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: see `save_checkpoint`."""


class DispatchingSearcher(Searcher):
    """Hands out what the dispatcher has, and tells it what became of it."""

    def __init__(self) -> None:
        super().__init__(metric="reached", mode="max")

    def suggest(self, trial_id_of_tune: str) -> dict[str, Any] | str | None:
        run = _run()
        job = run.dispatcher.next()
        if job is None:
            return str(Searcher.FINISHED) if run.dispatcher.finished else None
        run.names[trial_id_of_tune] = trial_id(job.trial)
        return {"job": json.dumps(job_to_json(job))}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if not result["done"] and result["reached"] is not None:
            run = _run()
            run.heard[trial_id] = time.monotonic()
            run.dispatcher.reached(run.names[trial_id], result["reached"])

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        if error:
            return  # `Watch.on_trial_error` knows why
        ending = (result or {}).get("ending")  # None: stopped on the way
        _run().ended(trial_id, Ending.of_json(json.loads(ending)) if ending else Ending("interrupted"))

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a run is rebuilt from the store."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""


class StopOnRequest(tune.Stopper):
    """Ends all trials once a stop is requested; each saves its state on the way out."""

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return _run().dispatcher.stopping


class Watch(tune.Callback):
    """Redraws the progress, reports lost workers, and notices when nothing can run any more."""

    def __init__(self) -> None:
        self._checked = self._moved = 0.0

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        _run().heard[trial.trial_id] = time.monotonic()

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        run, ending = _run(), _ending_of(trial)
        if ending.outcome == "lost_worker" and latest_outcome(run.files, run.names[trial.trial_id]) == HUNG:
            ending = Ending("timeout", ending.step, replace(lost_worker(ending.step), outcome="timeout", reason=_HUNG))
        run.ended(trial.trial_id, ending)

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        dispatcher = _run().dispatcher
        dispatcher.progress.tick()
        now = time.monotonic()
        if now - self._checked < 5:
            return
        self._checked = now
        self._name_silent(now)
        if not self._moved or not dispatcher.agenda.running or any(t.status == TuneTrial.RUNNING for t in trials):
            self._moved = now
        elif now - self._moved > _STALL_SECONDS:
            reason = f"no trial has run for {_STALL_SECONDS:.0f} s; the cluster has {available_nodes()}"
            dispatcher.stalled = StoreError(reason, hint=CONTINUE)

    def _name_silent(self, now: float) -> None:
        """Say once of each trial that it has not reported for long: only a time limit ends one that hangs."""
        run = _run()
        for tune_id in [each for each, since in run.heard.items() if now - since > _SILENT_SECONDS]:
            del run.heard[tune_id]
            run.dispatcher.progress.say(
                f"trial {run.names[tune_id]} has not reported for {_SILENT_SECONDS / 60:.0f} min; it may hang "
                "(`limits: {trial_timeout: 3h}` in the sweep file ends such trials and tries them again)"
            )


def _ending_of(trial: TuneTrial) -> Ending:
    """What became of a trial whose step raised, or whose process is gone."""
    step = (trial.last_result or {}).get("reached")
    try:
        error = trial.get_pickled_error()  # Tune's own, from its scratch folder: nothing of the store
    except (OSError, EOFError, AttributeError, TypeError, pickle.UnpicklingError):
        error = None
    if error is None:
        return Ending("lost_worker", step, lost_worker(step))
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, Unfit):
        return cause.ending
    if isinstance(cause, RayActorError):
        return Ending("interrupted", step) if cause.preempted else Ending("lost_worker", step, lost_worker(step))
    failure = failure_of(cause, step)
    return Ending(failure.outcome, step, failure)

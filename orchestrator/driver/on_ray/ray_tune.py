"""Ray Tune, used only as the scheduler: a new Tuner for each run, fed from the agenda. Results are in the store.

The settings rest on measurements with Ray 2.60: few resource shapes and reused actors (16 ms per trial instead of 1 to
3 s); Tune's loggers off (they double that); its snapshots off (the store has everything); our own signal handlers
(Tune ignores SIGTERM and reports interrupted trials as done); our own stall watchdog (Tune waits forever).
"""

from __future__ import annotations

import json
import os
import pickle
import time
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.driver.on_ray.cluster import Cluster  # before Ray: it sets the environment that configures Ray

# isort: split
from ray import tune
from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from orchestrator.driver.dispatcher import Dispatcher
from orchestrator.driver.on_ray.actors import Actors, Silent
from orchestrator.driver.on_ray.capacity import available_nodes, placement_of
from orchestrator.driver.on_ray.lost_worker import killed_for_memory, rescue_printed
from orchestrator.driver.on_ray.newcomers import Newcomers
from orchestrator.driver.on_ray.ray_actor import TrialActor, Unfit
from orchestrator.driver.on_ray.shapes import ONE_CPU, Shapes
from orchestrator.driver.on_ray.standstill import SILENT, STALL_SECONDS, Standstill
from orchestrator.driver.on_ray.unfit_nodes import AvoidedNodes, UnfitNode, is_gone_with_its_node
from workers.errors import InputError, StoreError
from workers.machine.device import Device
from workers.machine.scratch import scratch_folder
from workers.store import Store
from workers.store.logs import HUNG, latest_outcome
from workers.training.attempt import Bounds, Ending, Report
from workers.training.outcomes import failure_of, killed_worker, lost_worker
from workers.trial import job_to_json, trial_id

_UNBOUNDED = 1_000_000  # nodes may join a cluster
_STAGED = 16  # trials that show the autoscaler of a cluster what it lacks
_HUNG = "the worker hung and was killed after the trial timeout"


@dataclass
class _Run:
    """What the searcher, the stopper and the callback share. Tune pickles them, so they cannot hold it themselves.

    `most_idle` finished actors are kept. `trials` are the trial ids by Tune's own ids.
    """

    dispatcher: Dispatcher
    store: Store
    most_idle: int
    shapes: Shapes = ONE_CPU
    actors: Actors | None = None
    avoided: AvoidedNodes = field(default_factory=AvoidedNodes)
    trials: dict[str, str] = field(default_factory=dict)
    standstill: Standstill = field(default_factory=Standstill)

    @property
    def wants_actor(self) -> bool:
        """Whether the next trial gets an actor without delay, or sooner from a new one than from a running trial."""
        if self.actors is None or self.actors.idle > 0:
            return True
        continuing = [self.trials[tune_id] for tune_id in self.actors.continuing if tune_id in self.trials]
        return self.dispatcher.progress.time_left.waits_longer(self.actors.start_seconds, continuing)

    def wait(self) -> None:
        """No trial can start now. While none runs either, Tune only asks for the next one, and ends no step."""
        if not self.dispatcher.agenda.running:
            self.standstill.moved()
            self.dispatcher.progress.tick()

    def avoid(self, unfit: UnfitNode) -> None:
        """Place no trial on a node any more that cannot run them; end the sweep if no other is left."""
        dispatcher, name = self.dispatcher, self.avoided.add(unfit.node)
        if name is not None:
            dispatcher.progress.stalled("unfit_node", f"node {name} is avoided: {unfit.reason}")
        if nodes := self.avoided.all:
            problem = f"no node can run trials: {', '.join(nodes)}: {unfit.reason}"
            dispatcher.stalled = InputError(problem, hint="run `prunesweep doctor` there")

    def reached(self, tune_id: str, result: dict[str, Any]) -> None:
        """An attempt has reached a step, as the result of its actor says."""
        report = Report.of_json(json.loads(result["report"]))
        self.dispatcher.reached(self.trials[tune_id], result["reached"], report)

    def ended(self, tune_id: str, ending: Ending) -> None:
        """An attempt has ended."""
        self.standstill.ended(tune_id)
        self.dispatcher.ended(self.trials.pop(tune_id), ending)


_current: _Run | None = None


def _run() -> _Run:
    assert _current is not None
    return _current


def drive(
    dispatcher: Dispatcher,
    store: Store,
    device: Device,
    bounds: Bounds,
    cluster: Cluster,
    slots: int,
    newcomers: Newcomers | None,
) -> None:
    """Run jobs until none is left, a stop is requested or the sweep cannot continue."""
    global _current
    most_idle = slots if cluster.is_local else _UNBOUNDED
    resource = "GPU" if cluster.shapes.usual.gpus else "CPU"
    _current = _Run(dispatcher, store, most_idle, cluster.shapes, avoided=AvoidedNodes(resource))
    with scratch_folder() as scratch:
        tuner = _tuner(str(scratch), cluster, slots, _actor(store, device, bounds, newcomers))
        dispatcher.interrupt.install()
        try:
            tuner.fit()  # its result is not reliable; the store has the results
        finally:
            _current = None


def _actor(store: Store, device: Device, bounds: Bounds, newcomers: Newcomers | None) -> Any:
    """The class of the workers, with what their constructor takes."""
    return tune.with_parameters(
        TrialActor, location=store.location, device=device, bounds=bounds, folder=os.getcwd(), newcomers=newcomers
    )


def _tuner(scratch: str, cluster: Cluster, slots: int, actor: Any) -> tune.Tuner:
    """A Tune experiment that runs what the searcher hands out, and keeps its own files in the folder `scratch`."""
    staged, most = (slots, slots) if cluster.is_local else (_STAGED, _UNBOUNDED)  # that wait for an actor, that run
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(staged)
    return tune.Tuner(
        tune.with_resources(actor, placement_of),
        tune_config=tune.TuneConfig(
            search_alg=DispatchingSearcher(),
            scheduler=ActorsFirst(),
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


def _tune_name(trial: TuneTrial) -> str:
    return str(trial.trial_id)


class DispatchingSearcher(Searcher):
    """Hands out the jobs of the dispatcher, and tells it how they ended."""

    def __init__(self) -> None:
        super().__init__(metric="reached", mode="max")

    def suggest(self, trial_id_of_tune: str) -> dict[str, Any] | str | None:
        run = _run()
        if run.dispatcher.finished:
            return str(Searcher.FINISHED)
        job = run.dispatcher.next() if run.wants_actor else None
        if job is None:
            run.wait()
            return None
        trial = run.trials[trial_id_of_tune] = trial_id(job.trial)
        shape = run.shapes.of(job, alone=run.dispatcher.must_be_alone(trial))
        return {"job": json.dumps(job_to_json(job)), "shape": {"CPU": shape.cpus, "GPU": shape.gpus}}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if not result["done"] and result["reached"] is not None:
            run = _run()
            run.standstill.heard(trial_id)
            run.reached(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        if error:
            return  # `Watch.on_trial_error` reports it
        ending = (result or {}).get("ending")  # none if the trial was stopped
        if result and ending and result["reached"] is not None:
            _run().reached(trial_id, result)
        _run().ended(trial_id, Ending.of_json(json.loads(ending)) if ending else Ending("interrupted"))

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: a run is rebuilt from the store."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: see `save`."""


class ActorsFirst(FIFOScheduler):
    """Has finished actors run the next trials: see `Actors`."""

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        run = _run()
        if run.actors is None:
            run.actors = Actors(tune_controller._tune_controller, run.most_idle)
        run.actors.expect(trial.placement_group_factory)

    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        actors = _run().actors
        return None if actors is None else actors.match()


class StopOnRequest(tune.Stopper):
    """Ends all trials once a stop is requested; each saves its state before it ends."""

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return _run().dispatcher.stopping


class Watch(Silent):
    """Redraws the progress, reports lost workers, and notices when no trial can run any longer."""

    def __init__(self) -> None:
        self._checked = 0.0

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        run = _run()
        run.standstill.heard(trial.trial_id)
        run.dispatcher.begun(run.trials[trial.trial_id])

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        run, ending = _run(), _ending_of(trial)
        if ending.outcome == "lost_worker" and latest_outcome(run.store.files, run.trials[trial.trial_id]) == HUNG:
            ending = Ending("timeout", ending.step, replace(lost_worker(ending.step), outcome="timeout", reason=_HUNG))
        elif ending.outcome in ("lost_worker", "out_of_memory"):
            killed = rescue_printed(run.store, run.trials[trial.trial_id], run.dispatcher.interrupt)
            ending = _without_memory(ending.step) if killed else ending
        run.ended(trial.trial_id, ending)

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        run, now = _run(), time.monotonic()
        run.dispatcher.progress.tick()
        if now - self._checked < 5:
            return
        self._checked = now
        self._name_silent()
        if not run.dispatcher.agenda.running or any(trial.status == TuneTrial.RUNNING for trial in trials):
            run.standstill.moved()
        elif run.standstill.is_stalled:
            reason = f"no trial has run for {STALL_SECONDS:.0f} s; available nodes: {available_nodes()}"
            run.dispatcher.stalled = StoreError(reason, hint=run.dispatcher.remedy)
            run.dispatcher.progress.stalled("no_trial_runs", reason, fatal=True)

    def _name_silent(self) -> None:
        """Name each trial once that has not reported for long: only a time limit ends a trial that hangs."""
        run = _run()
        for trial in [run.trials[tune_id] for tune_id in run.standstill.silent()]:
            run.dispatcher.progress.stalled("silent_trial", f"trial {trial} {SILENT}", trial=trial)


def _without_memory(step: int | None) -> Ending:
    return Ending("out_of_memory", step, killed_worker(step))


def _ending_of(trial: TuneTrial) -> Ending:
    """How an attempt ended whose step raised an error, or whose process is gone."""
    step = (trial.last_result or {}).get("reached")
    try:
        with open(trial.pickled_error_file, "rb") as file:  # `get_pickled_error` looks where Tune copies it much later
            error = pickle.load(file)  # from Tune's scratch folder, not from the store
    except (OSError, EOFError, AttributeError, TypeError, ImportError, pickle.UnpicklingError):
        error = None
    if error is None:
        return Ending("lost_worker", step, lost_worker(step))
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, Unfit):
        return cause.ending
    if isinstance(cause, UnfitNode):
        _run().avoid(cause)
        return Ending("interrupted", step)
    if isinstance(cause, RayActorError):
        if killed_for_memory(cause):
            return _without_memory(step)
        if cause.preempted or is_gone_with_its_node(cause):
            return Ending("interrupted", step)
        return Ending("lost_worker", step, lost_worker(step))
    failure = failure_of(cause, step)
    return Ending(failure.outcome, step, failure)

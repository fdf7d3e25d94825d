"""Ray Tune's own controller on a clock of the test: its actors take their time by that clock, and none is a process."""

from __future__ import annotations

import heapq
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.tune import Trainable, with_resources
from ray.tune.execution import tune_controller
from ray.tune.experiment import Experiment
from ray.tune.search import ConcurrencyLimiter, SearchGenerator

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.on_ray import ray_tune
from orchestrator.driver.on_ray.actors import Actors
from orchestrator.driver.on_ray.capacity import placement_of
from orchestrator.driver.on_ray.shapes import Shape, Shapes
from orchestrator.driver.progress.time_left import TimeLeft
from workers.training.attempt import NOTHING, Ending
from workers.trial import Job

RESET_SECONDS = 0.01
_PAUSE_SECONDS = 0.5  # longer than Tune's own, for the sake of the test's time
ONE_CPU = Shapes(usual=Shape())


class Machine:
    """Stands in for Ray's manager of actors on a machine of `slots` CPUs. Each actor takes a while to start.

    `counts` are the actors `started`, those `thrown away` before they had started, and those `ended`.
    """

    def __init__(self, slots: int, start_seconds: float, seconds: Callable[[str], float]) -> None:
        self.now = 0.0
        self.counts: Counter[str] = Counter()
        self._slots, self._start_seconds, self._seconds = slots, start_seconds, seconds
        self._requested: dict[TrackedActor, dict] = {}
        self._cpus: dict[TrackedActor, float] = {}
        self._ready: set[TrackedActor] = set()
        self._live_actors_to_ray_actors_resources: dict[TrackedActor, tuple] = {}
        self._events: list = []
        self._order = itertools.count()

    def add_actor(self, cls, resource_request, kwargs, **callbacks):
        actor = TrackedActor(next(self._order), **callbacks)
        self._requested[actor] = kwargs
        self._cpus[actor] = resource_request.required_resources["CPU"]
        return actor

    def schedule_actor_task(self, tracked_actor, method_name, on_result=None, _return_future=False, **_):
        if method_name == "train":
            trial = ray_tune._current.trials[self.trial_of(tracked_actor).trial_id]
            result = {"done": True, "reached": 1, "report": json.dumps(NOTHING.to_json())}
            result["ending"] = json.dumps(Ending("done", 1).to_json())
            self._after(self._seconds(trial), tracked_actor, lambda: on_result(tracked_actor, result))
        elif method_name == "reset":
            self._after(RESET_SECONDS, tracked_actor, lambda: on_result(tracked_actor, True))

    def remove_actor(self, tracked_actor, kill=False, stop_future=None):
        if tracked_actor in self._requested:
            del self._requested[tracked_actor]
            return False
        del self._live_actors_to_ray_actors_resources[tracked_actor]
        self.counts["ended" if tracked_actor in self._ready else "thrown away"] += 1
        self._after(0, None, lambda: tracked_actor._on_stop and tracked_actor._on_stop(tracked_actor))
        return True

    def next(self, timeout):
        while (actor := next(iter(self._requested), None)) and self._used + self._cpus[actor] <= self._slots:
            del self._requested[actor]
            self.counts["started"] += 1
            self._live_actors_to_ray_actors_resources[actor] = (Mock(), None)
            self._after(self._start_seconds, actor, lambda actor=actor: self._begin(actor))
        pause = max(timeout, _PAUSE_SECONDS)
        if not self._events or self._events[0][0] > self.now + pause:
            self.now += pause
            return False
        self.now, _, actor, happen = heapq.heappop(self._events)
        if actor is None or self.is_actor_started(actor):
            happen()
        return True

    @property
    def _used(self):
        return sum(self._cpus[actor] for actor in self._live_actors_to_ray_actors_resources)

    def _begin(self, actor):
        self._ready.add(actor)
        actor._on_start(actor)

    def _after(self, seconds, actor, happen):
        heapq.heappush(self._events, (self.now + seconds, next(self._order), actor, happen))

    def is_actor_started(self, tracked_actor):
        return tracked_actor in self._live_actors_to_ray_actors_resources

    def is_actor_failed(self, tracked_actor):
        return False

    def clear_actor_task_futures(self, tracked_actor):
        """A trial ends between its tasks."""

    def get_live_actors_resources(self):
        return {}

    def cleanup(self):
        """Nothing is left."""

    num_actor_tasks = 0

    @property
    def num_pending_actors(self):
        return len(self._requested)

    @property
    def num_live_actors(self):
        return len(self._live_actors_to_ray_actors_resources)

    @property
    def num_total_actors(self):
        return self.num_live_actors + self.num_pending_actors


class Dispatching:
    """Stands in for the dispatcher: an agenda, the time that is left, and the trials that must be `alone`."""

    def __init__(self, jobs: dict[str, Job], slots: int, clock: Callable[[], float], alone: Collection[str]) -> None:
        self.must_be_alone = alone.__contains__
        self.agenda = Agenda(jobs, set(), clock=clock)
        self.progress = SimpleNamespace(time_left=TimeLeft(self.agenda, slots, clock=clock), tick=lambda: None)
        self.next = self.agenda.next

    @property
    def finished(self):
        return self.agenda.exhausted

    def begun(self, trial):
        self.progress.time_left.begun(trial)

    def reached(self, trial, step, report):
        self.agenda.reach(trial, step)
        self.progress.time_left.reached(trial, step)

    def ended(self, trial, ending):
        self.agenda.finish(trial)
        self.progress.time_left.ended(trial, done=True)


class Starts(ray_tune.Watch):
    """The callback of a run, without what needs a store."""

    def on_step_end(self, iteration, trials, **info):
        """Nothing to draw."""


class Sweep:
    """A sweep that has run to its end: its `seconds`, what became of its actors, and how many trials Tune kept."""

    def __init__(
        self,
        jobs: dict[str, Job],
        seconds: Callable[[str], float],
        slots: int,
        start_seconds: float,
        folder: Path,
        shapes: Shapes = ONE_CPU,
        alone: Collection[str] = (),
    ) -> None:
        machine = Machine(slots, start_seconds, seconds)
        run = ray_tune._Run(Dispatching(jobs, slots, lambda: machine.now, alone), None, slots, shapes)
        ray_tune._current = run
        search = SearchGenerator(ConcurrencyLimiter(ray_tune.DispatchingSearcher(), max_concurrent=slots))
        trainable = with_resources(Trainable, placement_of)
        experiment = Experiment("sweep", trainable, num_samples=sys.maxsize, storage_path=str(folder))
        search.add_configurations([experiment])
        controller = tune_controller.TuneController(
            search_alg=search,
            scheduler=ray_tune.ActorsFirst(),
            callbacks=[Starts()],
            storage=experiment.storage,
            reuse_actors=True,
        )
        controller._actor_manager = machine
        machine.trial_of = controller._actor_to_trial.get
        run.actors = Actors(controller, slots, lambda: machine.now)
        while not controller.is_finished():
            controller.step()
        ray_tune._current = None
        self.seconds, self.counts, self.kept = machine.now, machine.counts, len(controller.get_trials())

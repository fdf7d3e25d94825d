"""Which trial gets which of Tune's actors: a finished one never takes a trial from one that is starting.

Left alone, Tune gives a finished actor to the trial that waits longest, even while that trial's own actor is starting,
and removes that one. Starting takes seconds, so with short trials only one slot would ever work.

No other module reads private parts of Tune's controller. `tests/orchestrator/driver/on_ray/test_actors.py` runs sweeps
through the real one and fails if they change.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.progress_reporter import TrialProgressCallback

IDLE_SECONDS = 60.0
"""How long a finished actor waits for a trial before it gives back its resources."""

_MOST_TRIALS = 100  # that have ended or run, before those that have ended are dropped
_FIRST_GUESS = 5.0  # seconds that an actor takes to start, before any has


class Actors:
    """The actors of a controller. Of each shape, up to `most` finished ones are kept for trials to come."""

    def __init__(self, controller: TuneController, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.start_seconds = _FIRST_GUESS
        self._controller = controller
        self._most = most
        self._clock = clock
        self._starting: dict[Trial, float] = {}
        self._least_idle: dict[Hashable, int] = {}
        self._counted_since = clock()

    def expect(self, shape: Hashable) -> None:
        """Keep finished actors of a shape from now on."""
        if shape not in self._least_idle:
            self._least_idle[shape] = 0
            self._controller._actor_cache.increase_max(shape, self._most)

    @property
    def idle(self) -> int:
        """How many finished actors no trial is waiting for."""
        return sum(self._idle_of(shape, self._waiting()) for shape in self._least_idle)

    @property
    def continuing(self) -> list[str]:
        """Tune's ids of the trials that finished actors are about to run."""
        left = Counter({shape: self._finished(shape) for shape in self._least_idle})
        taking = []
        for trial in self._waiting():
            if left[trial.placement_group_factory] > 0:
                left[trial.placement_group_factory] -= 1
                taking.append(trial)
        return [trial.trial_id for trial in (*self._controller._resetting_trials, *taking)]

    def _finished(self, shape: Hashable) -> int:
        return len(self._controller._actor_cache._cached_objects[shape])

    def _idle_of(self, shape: Hashable, waiting: Sequence[Trial]) -> int:
        """How many finished actors of a shape no trial is waiting for."""
        taken = len([trial for trial in waiting if trial.placement_group_factory == shape])
        return max(0, self._finished(shape) - taken)

    def match(self) -> Trial | None:
        """The trial that gets a finished actor next, if there are both."""
        controller = self._controller
        self._time_starts()
        self._release_idle()
        self._forget_ended()
        for trials in controller._resources_to_pending_trials.values():
            trials -= {trial for trial in trials if self._has_process(trial)}  # else Tune moves them to another actor
        waiting = self._waiting()
        match = next((trial for trial in waiting if self._finished(trial.placement_group_factory)), None)
        if match is None and waiting:
            self._make_room(waiting)
        return match

    def _waiting(self) -> list[Trial]:
        """The trials that no process has been started for or is being reset for, the oldest first."""
        controller = self._controller
        requested = [trial for trial in controller._trial_to_actor if trial in controller._pending_trials]
        new = [trial for trial in controller._pending_trials_list if trial in controller._pending_trials]
        return [trial for trial in dict.fromkeys(requested + new) if not self._has_process(trial)]

    def _has_process(self, trial: Trial) -> bool:
        actor = self._controller._trial_to_actor.get(trial)
        return actor is not None and self._controller._actor_manager.is_actor_started(actor)

    def _time_starts(self) -> None:
        """Learn how long an actor takes to start."""
        controller, now = self._controller, self._clock()
        for trial, since in list(self._starting.items()):
            if trial.status != Trial.PENDING:
                del self._starting[trial]
                if trial.status == Trial.RUNNING:
                    self.start_seconds = now - since
        for trial in controller._pending_trials - controller._resetting_trials:
            if self._has_process(trial):
                self._starting.setdefault(trial, now)

    def _release_idle(self) -> None:
        """Remove the actors that were not needed for a while: as many as were idle all the time."""
        waiting = self._waiting()
        for shape, least in self._least_idle.items():
            self._least_idle[shape] = min(least, self._idle_of(shape, waiting))
        if self._clock() - self._counted_since < IDLE_SECONDS:
            return
        for shape, least in self._least_idle.items():
            self._remove(shape, least)
            self._least_idle[shape] = self._idle_of(shape, waiting)
        self._counted_since = self._clock()

    def _make_room(self, waiting: Sequence[Trial]) -> None:
        """Remove actors that no trial is waiting for, whose resources one of another shape may need."""
        for shape in self._least_idle:
            self._remove(shape, self._idle_of(shape, waiting))

    def _remove(self, shape: Hashable, count: int) -> None:
        for _ in range(count):
            actor = self._controller._actor_cache.pop_cached_object(shape)
            actor.set_on_stop(None)
            actor.set_on_error(None)
            self._controller._remove_actor(actor)

    def _forget_ended(self) -> None:
        """Drop trials that have ended: Tune would keep them all in memory, and write them to a file at the end."""
        controller = self._controller
        if len(controller._trials) < _MOST_TRIALS:
            return
        # The newest one stays: without any, Tune would read them from its file.
        ended = {trial for trial in controller._trials[:-1] if trial.is_finished()} - controller._trial_to_actor.keys()
        controller._trials = [trial for trial in controller._trials if trial not in ended]
        for trials in (
            controller._stopped_trials,
            controller._failed_trials,
            controller._live_trials,
            controller._resetting_trials,
            controller._trials_to_cache,
        ):
            trials -= ended
        for trial in ended:
            controller._trial_metadata.pop(trial.trial_id, None)


class Silent(TrialProgressCallback):
    """Takes the place of Tune's own callback, which keeps every trial in memory, with what it would print of it."""

    def __init__(self) -> None:
        """Keep nothing."""

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: Any, **info: Any) -> None:
        """Print nothing."""

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Print nothing."""

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Print nothing."""

"""Trials without Ray: one after the other, in this process. For debugging, and on machines that cannot run Ray."""

from __future__ import annotations

import time

from orchestrator.driver.dispatcher import Dispatcher
from workers.machine.device import Device
from workers.store import Store
from workers.training.attempt import Attempt, Bounds, Ending, not_begun
from workers.trial import trial_id

_IDLE_SECONDS = 0.1


def drive(dispatcher: Dispatcher, store: Store, device: Device, bounds: Bounds) -> None:
    """Run jobs until none is left, a stop is requested or the sweep cannot continue."""
    while not dispatcher.finished:
        job = dispatcher.next()
        if job is None:  # failed trials wait for their next attempt, or the store has no room
            time.sleep(_IDLE_SECONDS)
            dispatcher.progress.tick()
            continue
        try:
            attempt = Attempt(job, store, device, bounds)
        except OSError as error:
            dispatcher.ended(trial_id(job.trial), not_begun(error))
            continue
        dispatcher.begun(attempt.trial)
        dispatcher.ended(attempt.trial, _execute(attempt, dispatcher))


def _execute(attempt: Attempt, dispatcher: Dispatcher) -> Ending:
    with dispatcher.interrupt.nothing_to_save():  # the user's data and network are loaded
        ending = attempt.advance(seconds=0)
    while ending is None:
        assert attempt.step is not None
        dispatcher.reached(attempt.trial, attempt.step, attempt.report())
        if dispatcher.stopping:
            attempt.close()
            return Ending("interrupted", attempt.step)
        ending = attempt.advance(seconds=0)
    if attempt.step is not None:
        dispatcher.reached(attempt.trial, attempt.step, attempt.report())
    return ending

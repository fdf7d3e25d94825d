"""Run one trial: train it chunk by chunk, and publish the records and checkpoints that are asked of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import torch

from workers.crashpoints import crash_point
from workers.data.images import open_data
from workers.data.source import Data
from workers.errors import SET_ASIDE, BadInput, CorruptFile
from workers.machine.device import Device
from workers.store import Store
from workers.store.layout import RecordKey
from workers.training.process import configure, make_trainer
from workers.training.progress_log import ProgressLog
from workers.training.recording import make_record
from workers.training.states.state import State, dump_state, parse_state
from workers.training.trainer import Trainer
from workers.trial import Job, Stop, trial_id

log = logging.getLogger(__name__)

_SCORES = ("train_loss", "validation_loss", "test_loss", "train_accuracy", "validation_accuracy", "test_accuracy")

_REMEDY = f"{SET_ASIDE}; then `prunesweep resume --retry-failed` makes it again"


class Reached(NamedTuple):
    """How far a trial is: a step, the training loss there, and the scores of the record just published (or None)."""

    step: int
    loss: float | None
    scores: dict[str, float] | None = None


def run(job: Job, store: Store, device: Device) -> Generator[Reached]:
    """Train a trial up to its last missing stop, yielding what it has reached after each chunk.

    Begins at the newest valid state of the trial before the first missing stop. At a stop, writes its checkpoint, then
    publishes its record. When closed, the generator saves the state first, so that nothing is lost.
    Raises TrialError if the trial cannot give its result, OSError if the store cannot be used.
    """
    trial = trial_id(job.trial)
    missing = _missing(job, trial, store)
    stops = missing.records | missing.checkpoints
    if not stops:
        return
    recipe = job.trial.task.recipe
    configure(recipe)
    torch_device = torch.device(device.name)
    data = open_data(job.trial.task.dataset, torch_device)
    trainer = make_trainer(job.trial, data, torch_device)
    crash_point("trial.before")
    if not _resume(trainer, store, min(stops)):
        trainer.begin(_load_parents(job, store))
    crash_point("trial.ready")
    trainer.history.attempts += 1
    clock = _Clock(trainer)
    progress = ProgressLog(trainer, max(stops))
    saved = reported = time.monotonic()
    try:
        while True:
            if trainer.step in stops:
                scores = _publish(job, trainer, data, store, missing, clock)
                if trainer.step in missing.checkpoints:
                    saved = time.monotonic()
                if trainer.step == max(stops):
                    break
                yield Reached(trainer.step, trainer.history.last_loss, scores)
                configure(recipe)
            trainer.advance()
            crash_point("trial.step")
            now = time.monotonic()
            if now - saved >= device.checkpoint_seconds:
                _save(trainer, store, clock)
                saved = time.monotonic()
            if now - reported >= device.chunk_seconds and trainer.step not in stops:  # a stop is reached once published
                trainer.settle()
                progress.tick()
                yield Reached(trainer.step, trainer.history.last_loss)
                configure(recipe)
                reported = time.monotonic()
    except GeneratorExit:
        _save(trainer, store, clock)
        raise
    crash_point("trial.complete")
    store.states.delete_partial(trial)
    yield Reached(trainer.step, trainer.history.last_loss, scores)


class _Missing(NamedTuple):
    """The steps of a job whose records, and those whose checkpoints, the store lacks."""

    records: frozenset[int]
    checkpoints: frozenset[int]


def _missing(job: Job, trial: str, store: Store) -> _Missing:
    key = job.evaluation.key
    return _Missing(
        records=frozenset(step for step in job.records if not store.records.has(RecordKey(trial, step, key))),
        checkpoints=frozenset(step for step in job.checkpoints if not store.states.has_checkpoint(Stop(trial, step))),
    )


def _load_parents(job: Job, store: Store) -> dict[Stop, State]:
    """The states that a trial begins with. Raises BadInput if one is missing or damaged."""
    parents = {}
    for stop in job.trial.parents:
        path = f"checkpoint of trial {stop.trial} at step {stop.step:,}"
        try:
            parents[stop] = parse_state(store.states.read_checkpoint(stop), path, stop)
        except FileNotFoundError as error:
            raise BadInput(f"{path} not found in the store", hint="`prunesweep resume` makes it again") from error
        except CorruptFile as error:
            raise BadInput(error.message, hint=_REMEDY) from error
    return parents


def _resume(trainer: Trainer, store: Store, limit: int) -> bool:
    """Restore the newest valid state up to step `limit`. Returns False if the trial has none."""
    for stop, data in store.states.resumable(trainer.id, limit):
        try:
            state = parse_state(data, f"state of trial {stop.trial} at step {stop.step:,}", stop)
        except CorruptFile as error:
            log.warning("skipped %s", error)
            continue
        trainer.restore(state)
        log.info("continues from step %d", state.step)
        return True
    return False


def _publish(
    job: Job, trainer: Trainer, data: Data, store: Store, missing: _Missing, clock: _Clock
) -> dict[str, float] | None:
    """Write what is missing at the stop that the trainer has reached: first the checkpoint, then the record.

    Returns the scores of the record, None without one.
    """
    clock.tick()
    state, digest = dump_state(trainer.state())
    if trainer.step in missing.checkpoints:
        store.states.write_checkpoint(Stop(trainer.id, trainer.step), state)
    if trainer.step not in missing.records:
        return None
    record, detail = make_record(job, trainer, data, digest)
    clock.tick()
    store.records.publish(record | clock.times(), detail)
    return {name: record[name] for name in _SCORES if record[name] is not None}


def _save(trainer: Trainer, store: Store, clock: _Clock) -> None:
    """Save the partial state."""
    clock.tick()
    state, _ = dump_state(trainer.state())
    store.states.write_partial(Stop(trainer.id, trainer.step), state)


class _Clock:
    """The times of an attempt. Each tick adds the seconds since the last one to the trial's history."""

    def __init__(self, trainer: Trainer) -> None:
        self._history = trainer.history
        self._started = datetime.now(UTC)
        self._last = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        self._history.seconds += now - self._last
        self._last = now

    def times(self) -> dict[str, Any]:
        """The columns of a record that say when it was made, and how long the trial took."""
        return {
            "started_at": self._started,
            "finished_at": datetime.now(UTC),
            "wall_seconds": self._history.seconds,
        }

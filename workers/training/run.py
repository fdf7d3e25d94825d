"""Run one trial: train it chunk by chunk, and publish the records and checkpoints that are asked of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import torch

from workers.crashpoints import crash_point
from workers.data.images import open_data
from workers.errors import SET_ASIDE, BadInput, CorruptFile
from workers.store import Store
from workers.store.layout import RecordKey
from workers.training.device import Device
from workers.training.recording import make_record
from workers.training.state import State, dump_state, parse_state
from workers.training.trainer import Trainer, configure
from workers.trial import Job, Stop, trial_id

log = logging.getLogger(__name__)

_REMEDY = f"{SET_ASIDE}, `prunesweep resume --retry-failed` makes it again"


def run(job: Job, store: Store, device: Device) -> Generator[int]:
    """Train a trial up to its last missing stop, yielding the step reached after each chunk.

    Begins at the newest valid state of the trial before the first missing stop. At a stop, writes its checkpoint, then
    publishes its record. When closed, the generator saves the state first, so that nothing is lost.
    Raises TrialError if the trial cannot give its result, OSError if the store cannot be used.
    """
    name = trial_id(job.trial)
    records, checkpoints = _missing(job, name, store)
    stops = sorted(records | checkpoints)
    if not stops:
        return
    configure(job.trial.task.recipe)
    torch_device = torch.device(device.name)
    data = open_data(job.trial.task.dataset, torch_device)
    trainer = Trainer(job.trial, data, torch_device)
    crash_point("trial.before")
    if not _resume(trainer, store, stops[0]):
        trainer.begin(_load_parents(job, store))
    crash_point("trial.ready")
    trainer.history.attempts += 1
    started = datetime.now(UTC)
    clock = saved = reported = time.monotonic()
    try:
        while True:
            if trainer.step in stops:
                clock = _tick(trainer, clock)
                data_bytes, digest = dump_state(trainer.state())
                if trainer.step in checkpoints:
                    store.states.write_checkpoint(Stop(name, trainer.step), data_bytes)
                    saved = time.monotonic()
                if trainer.step in records:
                    record, detail = make_record(job, trainer, data, digest)
                    clock = _tick(trainer, clock)
                    store.records.publish(record | _times(trainer, started), detail)
                if trainer.step == stops[-1]:
                    break
                yield trainer.step
            trainer.advance()
            crash_point("trial.step")
            now = time.monotonic()
            if now - saved >= device.checkpoint_seconds:
                clock = _tick(trainer, clock)
                _save(trainer, store)
                saved = time.monotonic()
            if now - reported >= device.chunk_seconds:
                trainer.settle()
                yield trainer.step
                reported = time.monotonic()
    except GeneratorExit:
        _tick(trainer, clock)
        _save(trainer, store)
        raise
    crash_point("trial.complete")
    store.states.delete_partial(name)
    yield trainer.step


def _missing(job: Job, name: str, store: Store) -> tuple[set[int], set[int]]:
    """The steps whose records, and those whose checkpoints, the store lacks."""
    key = job.evaluation.key
    records = {step for step in job.records if not store.records.has(RecordKey(name, step, key))}
    checkpoints = {step for step in job.checkpoints if not store.states.has_checkpoint(Stop(name, step))}
    return records, checkpoints


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


def _save(trainer: Trainer, store: Store) -> None:
    data, _ = dump_state(trainer.state())
    store.states.write_partial(Stop(trainer.id, trainer.step), data)


def _tick(trainer: Trainer, since: float) -> float:
    """Add the time since the last tick to the trial's seconds. Returns the time of this tick."""
    now = time.monotonic()
    trainer.history.seconds += now - since
    return now


def _times(trainer: Trainer, started: datetime) -> dict[str, Any]:
    return {"started_at": started, "finished_at": datetime.now(UTC), "wall_seconds": trainer.history.seconds}

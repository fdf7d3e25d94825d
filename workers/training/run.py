"""Run one trial: train it chunk by chunk, and publish the records and checkpoints that are asked of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import torch

from workers.crashpoints import crash_point
from workers.data.batches.ranks import check_ranks
from workers.data.loading import open_data
from workers.errors import SET_ASIDE, BadInput, CorruptFile
from workers.machine.device import Device
from workers.models.batch_norm_groups import has_batch_norm
from workers.store import Store
from workers.store.layout import RecordKey, checkpoint_path
from workers.store.local_copies import LocalCopies
from workers.text import plural
from workers.training.process import configure, import_metrics, make_trainer
from workers.training.progress_log import ProgressLog
from workers.training.recording import make_record
from workers.training.states.state import State, dump_state, parse_state
from workers.training.team import Alone, team_of
from workers.training.trainer import Trainer
from workers.trial import Job, Stop, trial_id

log = logging.getLogger(__name__)

_REMEDY = f"{SET_ASIDE}; then `prunesweep resume --retry-failed` makes it again"

Scores = dict[str, float]
"""Losses, and scores by the names of their metrics: `test_loss`, `test_accuracy`."""


class Reached(NamedTuple):
    """How far a trial is: a step, the training loss there, and the scores of the record just published (or None)."""

    step: int
    loss: float | None
    scores: Scores | None = None


def run(job: Job, store: Store, device: Device, copies: LocalCopies | None = None) -> Generator[Reached]:
    """Train a trial up to its last missing stop, yielding what it has reached after each chunk.

    Begins at the newest valid state of the trial before the first missing stop. At a stop, writes its checkpoint, then
    publishes its record. When closed, the generator saves the state first, so that nothing is lost. The states of its
    parents may be read from `copies` on this machine.
    Raises TrialError if the trial cannot give its result, OSError if the store cannot be used.
    """
    missing = _missing(job, store)
    if not missing.stops:
        return
    with team_of(job, device, sorted(missing.stops)) as team:
        run = _TrialRun(job, store, device, missing, copies, team)
        try:
            scores = yield from run.train()
        except GeneratorExit:
            run.save()
            raise
    crash_point("trial.complete")
    run.forget()
    yield run.reached(scores)


class _Missing(NamedTuple):
    """The steps of a job whose records, and those whose checkpoints, the store lacks."""

    records: frozenset[int]
    checkpoints: frozenset[int]

    @property
    def stops(self) -> frozenset[int]:
        return self.records | self.checkpoints


def _missing(job: Job, store: Store) -> _Missing:
    if job.is_new:
        return _Missing(frozenset(job.records), frozenset(job.checkpoints))
    trial, key = trial_id(job.trial), job.evaluation.key
    return _Missing(
        records=frozenset(step for step in job.records if not store.records.has(RecordKey(trial, step, key))),
        checkpoints=frozenset(step for step in job.checkpoints if not store.states.has_checkpoint(Stop(trial, step))),
    )


class _TrialRun:
    """A trial that trains in this process, from its newest valid state to the last stop that the store lacks."""

    def __init__(
        self, job: Job, store: Store, device: Device, missing: _Missing, copies: LocalCopies | None, team: Alone
    ) -> None:
        import_metrics(job.evaluation)
        configure(job.trial.task.recipe)
        torch_device = torch.device(device.name)
        self._job = job
        self._store = store
        self._device = device
        self._missing = missing
        self._team = team
        self._data = open_data(job.trial.task.dataset, torch_device)
        self._trainer = make_trainer(job.trial, self._data, torch_device, team.share)
        check_ranks(job.trial.task.recipe, job.ranks, has_batch_norm(self._trainer.model))
        crash_point("trial.before")
        self._may_have_partial = not job.is_new
        if job.is_new or not _resume(self._trainer, store, min(missing.stops)):
            self._trainer.begin(_load_parents(job, store, copies))
        team.join(self._trainer)
        crash_point("trial.ready")
        self._trainer.history.attempts += 1
        self._clock = _Clock(self._trainer)
        self._progress = ProgressLog(self._trainer, max(missing.stops))
        self._saved = self._reported = time.monotonic()

    def train(self) -> Generator[Reached, None, Scores | None]:
        """Train up to the last stop, yielding at each stop before it and after each chunk.

        Returns the scores of the last stop's record. Other trials may train while this one waits at a `yield`, so the
        process is configured again after it.
        """
        recipe, stops = self._job.trial.task.recipe, self._missing.stops
        while True:
            if self._trainer.step in stops:
                scores = self._publish()
                if self._trainer.step == max(stops):
                    return scores
                yield self.reached(scores)
                configure(recipe)
            self._team.advance(self._trainer)
            crash_point("trial.step")
            now = time.monotonic()
            if now - self._saved >= self._device.checkpoint_seconds:
                self.save()
            is_chunk_over = now - self._reported >= self._device.chunk_seconds
            if is_chunk_over and self._trainer.step not in stops:  # a stop is reached once published
                self._trainer.settle()
                self._progress.tick()
                yield self.reached()
                configure(recipe)
                self._reported = time.monotonic()

    def reached(self, scores: Scores | None = None) -> Reached:
        """How far the trial is, with the scores of the record that was just published."""
        return Reached(self._trainer.step, self._trainer.history.last_loss, scores)

    def save(self) -> None:
        """Save the partial state."""
        self._clock.tick()
        state, _ = dump_state(self._trainer.state())
        self._may_have_partial = True
        self._store.states.write_partial(Stop(self._trainer.id, self._trainer.step), state)
        self._saved = time.monotonic()

    def forget(self) -> None:
        """Delete the partial states, which a finished trial does not need."""
        if self._may_have_partial:
            self._store.states.delete_partial(self._trainer.id)

    def _publish(self) -> Scores | None:
        """Write what is missing at the stop that is reached: first the checkpoint, then the record.

        Returns the scores of the record, None without one.
        """
        self._clock.tick()
        step = self._trainer.step
        state, digest = dump_state(self._trainer.state())
        self._team.check_same(self._trainer, digest)
        if step in self._missing.checkpoints:
            self._store.states.write_checkpoint(Stop(self._trainer.id, step), state)
            self._saved = time.monotonic()
        if step not in self._missing.records:
            return None
        record, detail = make_record(self._job, self._trainer, self._data, digest)
        self._clock.tick()
        self._store.records.publish(record | self._clock.times(), detail)
        return _scores(record)


def _scores(record: Mapping[str, Any]) -> Scores:
    """The losses and scores of a record, those of the primary metric first."""
    scores = {f"{part}_loss": record[f"{part}_loss"] for part in ("train", "validation", "test")}
    scores |= {f"{part}_{record['metric']}": record[f"{part}_score"] for part in ("train", "validation", "test")}
    for other in record["other_scores"] or ():
        scores |= {f"{part}_{other['metric']}": other[f"{part}_score"] for part in ("validation", "test")}
    return {name: score for name, score in scores.items() if score is not None}


def _load_parents(job: Job, store: Store, copies: LocalCopies | None) -> dict[Stop, State]:
    """The states that a trial begins with. Raises BadInput if one is missing or damaged."""
    parents = {}
    for stop in job.trial.parents:
        path = f"checkpoint of trial {stop.trial} at step {stop.step:,}"
        try:
            parents[stop] = parse_state(_read_checkpoint(stop, store, copies), path, stop)
        except FileNotFoundError as error:
            raise BadInput(f"{path} not found in the store", hint="`prunesweep resume` makes it again") from error
        except CorruptFile as error:
            raise BadInput(error.message, hint=_REMEDY) from error
    return parents


def _read_checkpoint(stop: Stop, store: Store, copies: LocalCopies | None) -> bytes:
    fetch = partial(store.states.read_checkpoint, stop)
    return fetch() if copies is None else copies.get(checkpoint_path(stop), fetch)


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
        if state.ranks != trainer.share.ranks:
            before, now = plural(state.ranks, "rank"), plural(trainer.share.ranks, "rank")
            log.warning("%s trained up to step %d, and now %s: the last bits differ", before, state.step, now)
        return True
    return False


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

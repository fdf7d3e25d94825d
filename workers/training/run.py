"""Run one trial: `run` trains it chunk by chunk and publishes what is wanted of it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import torch

from workers.crashpoints import crash_point
from workers.data.images import open_data
from workers.data.source import Data
from workers.errors import SET_ASIDE, BadInput, CorruptFile
from workers.store.store import RecordKey, Store
from workers.training import checkpoint, cost
from workers.training.checkpoint import State
from workers.training.evaluation import evaluate
from workers.training.machine import Machine
from workers.training.provenance import provenance
from workers.training.trainer import Training, configure
from workers.trial import Job, Stop, canonical, trial_id

log = logging.getLogger(__name__)

_REMEDY = f"{SET_ASIDE}, `prunesweep resume --retry-failed` makes it anew"


def run(job: Job, store: Store, machine: Machine) -> Generator[int]:
    """Train a trial up to its last stop that is missing, yielding the step reached after each chunk.

    At a stop its checkpoint is written, then its record published. Begins at the newest valid state of the trial
    before the first missing stop. A closed generator saves its state first, so nothing is lost.
    Raises TrialError where the trial cannot give its result, OSError where the store cannot be used.
    """
    name = trial_id(job.trial)
    records, checkpoints = _missing(job, name, store)
    stops = sorted(records | checkpoints)
    if not stops:
        return
    configure(job.trial.task.recipe)
    device = torch.device(machine.device)
    data = open_data(job.trial.task.dataset, device)
    training = Training(job.trial, data, device)
    crash_point("trial.before")
    if not _resume(training, store, stops[0]):
        training.begin(_load_parents(job, store))
    crash_point("trial.ready")
    training.progress.attempts += 1
    started = datetime.now(UTC)
    clock = saved = reported = time.monotonic()
    try:
        while True:
            if training.step in stops:
                clock = _tick(training, clock)
                data_bytes, digest = checkpoint.dump(training.state())
                if training.step in checkpoints:
                    store.write_checkpoint(Stop(name, training.step), data_bytes)
                    saved = time.monotonic()
                if training.step in records:
                    record, detail = _record(job, training, data, digest)
                    clock = _tick(training, clock)
                    times = {"started_at": started, "finished_at": datetime.now(UTC)}
                    record |= times | {"wall_seconds": training.progress.seconds}
                    store.publish(record, detail)
                if training.step == stops[-1]:
                    break
                yield training.step
            training.advance()
            crash_point("trial.step")
            now = time.monotonic()
            if now - saved >= machine.checkpoint_seconds:
                clock = _tick(training, clock)
                _save(training, store)
                saved = time.monotonic()
            if now - reported >= machine.chunk_seconds:
                training.settle()
                yield training.step
                reported = time.monotonic()
    except GeneratorExit:
        _tick(training, clock)
        _save(training, store)
        raise
    crash_point("trial.complete")
    store.forget_progress(name)
    yield training.step


def _missing(job: Job, name: str, store: Store) -> tuple[set[int], set[int]]:
    """The steps whose records, and those whose checkpoints, are still to make."""
    key = job.evaluation.key
    records = {step for step in job.records if not store.has_record(RecordKey(name, step, key))}
    checkpoints = {step for step in job.checkpoints if not store.has_checkpoint(Stop(name, step))}
    return records, checkpoints


def _load_parents(job: Job, store: Store) -> dict[Stop, State]:
    """The states that a trial begins with. Raises BadInput for one that is missing or damaged."""
    parents = {}
    for stop in job.trial.parents:
        path = f"checkpoint of trial {stop.trial} at step {stop.step:,}"
        try:
            parents[stop] = checkpoint.parse(store.read_checkpoint(stop), path, stop)
        except FileNotFoundError as error:
            raise BadInput(f"{path} is not in the store", hint="`prunesweep resume` makes it anew") from error
        except CorruptFile as error:
            raise BadInput(str(error), hint=_REMEDY) from error
    return parents


def _resume(training: Training, store: Store, limit: int) -> bool:
    """Put the training at its newest valid state up to step `limit`; False if there is none."""
    for stop, data in store.resumable(training.id, limit):
        try:
            state = checkpoint.parse(data, f"state of trial {stop.trial} at step {stop.step:,}", stop)
        except CorruptFile as error:
            log.warning("skipped %s", error)
            continue
        training.restore(state)
        log.info("goes on from step %d", state.step)
        return True
    return False


def _save(training: Training, store: Store) -> None:
    data, _ = checkpoint.dump(training.state())
    store.write_progress(Stop(training.id, training.step), data)


def _tick(training: Training, since: float) -> float:
    """Add the time since to what the trial has cost."""
    now = time.monotonic()
    training.progress.seconds += now - since
    return now


def _record(job: Job, training: Training, data: Data, digest: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evaluate the training as it stands: a record, and the layers and the curve that lie beside it."""
    trial = job.trial
    scores = evaluate(training.model, data, trial.task.recipe, job.evaluation, training.stream)
    costs = _costs(training, data)
    weights = {name: weight.numel() for name, weight in training.weights.items()}
    kept = weights | {name: int(mask.sum()) for name, mask in training.masks.items()}
    multiply_adds, paper_flops = cost.sparse(costs, {name: kept[name] / weights[name] for name in weights})
    point = training.progress.curve[-1] if training.progress.curve else {}
    source = trial.mask.source if trial.mask else None
    record = {
        "trial": training.id,
        "step": training.step,
        "evaluation": job.evaluation.key,
        "stage": trial.stage,
        "replicate": trial.replicate,
        "start_trial": trial.start.trial if trial.start else None,
        "start_step": trial.start.step if trial.start else None,
        "mask_trial": source.trial if source else None,
        "mask_step": source.step if source else None,
        "epochs": training.epochs,
        "learning_rate": training.learning_rate,
        "train_loss": point.get("train_loss"),
        "train_accuracy": point.get("train_accuracy"),
        **scores._asdict(),
        "prunable_weights": sum(weights.values()),
        "kept_weights": sum(kept.values()),
        "density": sum(kept.values()) / sum(weights.values()),
        "collapsed_layers": sum(count == 0 for count in kept.values()),
        "multiply_adds": costs.multiply_adds,
        "sparse_multiply_adds": multiply_adds,
        "paper_flops": costs.paper_flops,
        "sparse_paper_flops": paper_flops,
        "state_digest": digest,
        "start_digest": training.progress.start_digest,
        "mask_digest": training.progress.mask_digest,
        "settings": json.dumps(canonical(trial), sort_keys=True),
        "attempts": training.progress.attempts,
        **provenance(training.device),
    }
    layers = [
        {"layer": name, "weights": weights[name], "kept": kept[name], "multiply_adds": costs.per_layer.get(name, 0.0)}
        for name in weights
    ]
    return record, {"layers": layers, "curve": training.progress.curve}


_counted: dict[str, cost.Costs] = {}


def _costs(training: Training, data: Data) -> cost.Costs:
    """What the network costs, counted once in a process."""
    key = json.dumps([canonical(training.trial.task.network), data.facts.input_shape, data.facts.classes])
    if key not in _counted:
        _counted[key] = cost.costs(training.model, data.facts.input_shape)
    return _counted[key]

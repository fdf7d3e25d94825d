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
from workers.training import cost
from workers.training.device import Device
from workers.training.evaluation import evaluate
from workers.training.provenance import provenance
from workers.training.state import State, dump_state, parse_state
from workers.training.trainer import Trainer, configure
from workers.trial import Job, Stop, canonical, trial_id

log = logging.getLogger(__name__)

_REMEDY = f"{SET_ASIDE}, `prunesweep resume --retry-failed` makes it anew"


def run(job: Job, store: Store, device: Device) -> Generator[int]:
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
                    store.write_checkpoint(Stop(name, trainer.step), data_bytes)
                    saved = time.monotonic()
                if trainer.step in records:
                    record, detail = _record(job, trainer, data, digest)
                    clock = _tick(trainer, clock)
                    times = {"started_at": started, "finished_at": datetime.now(UTC)}
                    record |= times | {"wall_seconds": trainer.history.seconds}
                    store.publish(record, detail)
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
    store.forget_progress(name)
    yield trainer.step


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
            parents[stop] = parse_state(store.read_checkpoint(stop), path, stop)
        except FileNotFoundError as error:
            raise BadInput(f"{path} is not in the store", hint="`prunesweep resume` makes it anew") from error
        except CorruptFile as error:
            raise BadInput(str(error), hint=_REMEDY) from error
    return parents


def _resume(trainer: Trainer, store: Store, limit: int) -> bool:
    """Put the trainer at its newest valid state up to step `limit`; False if there is none."""
    for stop, data in store.resumable(trainer.id, limit):
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
    store.write_progress(Stop(trainer.id, trainer.step), data)


def _tick(trainer: Trainer, since: float) -> float:
    """Add the time since to what the trial has cost."""
    now = time.monotonic()
    trainer.history.seconds += now - since
    return now


def _record(job: Job, trainer: Trainer, data: Data, digest: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evaluate the network as it stands: a record, and the layers and the curve that lie beside it."""
    trial = job.trial
    scores = evaluate(trainer.model, data, trial.task.recipe, job.evaluation, trainer.stream)
    costs = _costs(trainer, data)
    weights = {name: weight.numel() for name, weight in trainer.weights.items()}
    kept = weights | {name: int(mask.sum()) for name, mask in trainer.masks.items()}
    multiply_adds, paper_flops = cost.sparse(costs, {name: kept[name] / weights[name] for name in weights})
    point = trainer.history.curve[-1] if trainer.history.curve else {}
    source = trial.mask.source if trial.mask else None
    record = {
        "trial": trainer.id,
        "step": trainer.step,
        "evaluation": job.evaluation.key,
        "stage": trial.stage,
        "replicate": trial.replicate,
        "start_trial": trial.start.trial if trial.start else None,
        "start_step": trial.start.step if trial.start else None,
        "mask_trial": source.trial if source else None,
        "mask_step": source.step if source else None,
        "epochs": trainer.epochs,
        "learning_rate": trainer.learning_rate,
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
        "start_digest": trainer.history.start_digest,
        "mask_digest": trainer.history.mask_digest,
        "settings": json.dumps(canonical(trial), sort_keys=True),
        "attempts": trainer.history.attempts,
        **provenance(trainer.device),
    }
    layers = [
        {"layer": name, "weights": weights[name], "kept": kept[name], "multiply_adds": costs.per_layer.get(name, 0.0)}
        for name in weights
    ]
    return record, {"layers": layers, "curve": trainer.history.curve}


_counted: dict[str, cost.Costs] = {}


def _costs(trainer: Trainer, data: Data) -> cost.Costs:
    """What the network costs, counted once in a process."""
    key = json.dumps([canonical(trainer.trial.task.network), data.facts.input_shape, data.facts.classes])
    if key not in _counted:
        _counted[key] = cost.costs(trainer.model, data.facts.input_shape)
    return _counted[key]

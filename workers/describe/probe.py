"""How long trials of a task take on this machine, from a few steps and one evaluation. Imports torch."""

from __future__ import annotations

import os
import time
from typing import Any

import torch

from workers.data.loading import open_data
from workers.describe.refusal import refusal
from workers.describe.rehearsal import Rehearsal, advance, new_trainer
from workers.errors import InputError, PrunesweepError
from workers.training.evaluation import evaluate

_WARM_UP = 3  # steps
_LEAST, _MOST = 5, 1000  # steps that are measured
_SECONDS = 2.0  # to measure steps for, if that is less than the most steps


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request with `probe` in place of `rehearsal`: `{"probe": ...}`, or the error as for facts."""
    try:
        return {"probe": probe(Rehearsal.of_request(request | {"rehearsal": request["probe"]}))}
    except PrunesweepError as error:
        return refusal(error)


def probe(rehearsal: Rehearsal, seconds: float = _SECONDS) -> dict[str, Any]:
    """Seconds to `begin` a trial, for a `step` and for an `evaluation`; this machine's `cpus` and `gpus`.

    Raises InputError or BadInput where trials would fail.
    """
    if not rehearsal.possible:
        raise InputError(
            f"cannot probe: this machine has no `{rehearsal.device}` device",
            hint="run `plan --probe` on a machine like those that will run the trials",
        )
    device = torch.device(rehearsal.device)
    advance(new_trainer(rehearsal, open_data(rehearsal.task.dataset, device)), _WARM_UP)  # once in a process
    begun = time.monotonic()
    data = open_data(rehearsal.task.dataset, device)
    trainer = new_trainer(rehearsal, data)
    begin = time.monotonic() - begun
    steps = spent = 0.0
    while steps < _LEAST or (spent < seconds and steps < _MOST):
        spent += advance(trainer, _LEAST)
        steps += _LEAST
    begun = time.monotonic()
    recipe = rehearsal.task.recipe
    evaluate(trainer.model, data, recipe, rehearsal.evaluation, trainer.stream)
    return {
        "begin": begin,
        "step": spent / steps,
        "evaluation": time.monotonic() - begun,
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "gpus": torch.cuda.device_count(),
    }

"""Sweep files for tests: a small valid one, different only where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.planning.crossing import Crossing, questions
from orchestrator.planning.facts import Facts
from orchestrator.sweep.problems import Problem, SpecError
from orchestrator.sweep.spec import SweepSpec, spec_from_dict
from tests.support.tiny import IMAGES

WHOLE = """\
version: 1
name: digits
description: five techniques
code_version: "2"
dataset: [digits, {name: synthetic, train_images: 500}]
network: {name: resnet8, width: 8}
pruning:
  - {}
  - {exclude: ["classifier.*"]}
recipe:
  - name: short
    duration: 20ep
    batch_size: 100
    optimizer: {name: SGD, lr: 0.1, momentum: 0.9, weight_decay: 2e-4}
    schedule: {name: piecewise, boundaries: [10ep, 75%], factor: 0.1, warmup: 1ep}
    decay_batch_norm: false
    batch_norm_momentum: 0.1
    crop_padding: 1
    horizontal_flip: true
    normalization: {mean: [0.5], std: [0.25]}
    label_smoothing: 0.1
    clip_grad_norm: 5
    precision: bf16
  - name: cosine
    duration: 300it
    batch_size: 50
    optimizer: {name: AdamW, lr: 1e-3, betas: [0.9, 0.99]}
    schedule: {name: cosine, final_rate: 1e-5}
    fine_tuning_rate: 1e-4
evaluation: {validation: {holdout: 100}, batch_norm_batches: 3}
grid:
  - technique: [fine_tuning, lr_rewinding]
    compression: [4, 9.31, "0.8^-5"]
    budget: [25%, 10ep]
    replicates: 3
  - {technique: lr_rewinding, density: [50%, 1/8], budget: 30it, replicates: [5, 7], recipe: cosine, dataset: digits}
  - {technique: lr_rewinding, iterative: {rounds: 10, rate: 20%}, budget: 90%}
  - {technique: dense, replicates: 5}
store: runs/digits
keep: results_only
resources: {cpus: 2, gpus: 0.25}
limits: {max_cells: 500}
"""
"""A sweep file with one of everything."""


def sweep(**overrides: Any) -> dict[str, Any]:
    """A whole sweep as plain data."""
    return {
        "version": 1,
        "name": "small",
        "dataset": "digits",
        "network": {"name": "resnet8", "width": 8},
        "recipe": recipe(),
        "grid": grid(),
    } | overrides


def recipe(**overrides: Any) -> dict[str, Any]:
    """20 epochs of 10 steps on digits."""
    return {"duration": "20ep", "batch_size": 100, "optimizer": {"name": "SGD", "lr": 0.1}} | overrides


def grid(**overrides: Any) -> dict[str, Any]:
    """Two cells; a key that is overridden with None is left out."""
    entry = {"technique": "lr_rewinding", "compression": [4, 8], "budget": "90%", "replicates": 1} | overrides
    return {key: value for key, value in entry.items() if value is not None}


def scheduled(**schedule: Any) -> dict[str, Any]:
    """A sweep with another learning-rate schedule."""
    return sweep(recipe=recipe(schedule=schedule))


def piecewise(*boundaries: str, **others: Any) -> dict[str, Any]:
    """A sweep whose learning rate falls to a tenth at each boundary."""
    return scheduled(**({"name": "piecewise", "boundaries": list(boundaries), "factor": 0.1} | others))


def tiny_sweep(**overrides: Any) -> dict[str, Any]:
    """A sweep that trains in a second, with three cells."""
    return (
        sweep(
            name="tiny",
            dataset={"name": "synthetic", **IMAGES},
            network={"name": "mlp", "hidden": [16, 12]},
            recipe=recipe(duration="4ep", batch_size=16, optimizer={"name": "SGD", "lr": 0.1, "momentum": 0.9}),
            grid=grid(technique="weight_rewinding", compression=[2, 4], budget="50%"),
        )
        | overrides
    )


def faults(read: Callable[[Any], object], source: Any) -> list[Problem]:
    """The problems for which `read` refuses something; none if it does not. Any other exception is a bug."""
    try:
        read(source)
    except SpecError as error:
        return error.problems
    return []


def problems_of(data: dict[str, Any]) -> list[Problem]:
    """What is wrong with data that must be wrong."""
    problems = faults(spec_from_dict, data)
    assert problems
    return problems


def messages_of(data: dict[str, Any]) -> dict[str, str]:
    """Messages by field; no field may have two."""
    problems = problems_of(data)
    messages = {problem.field: problem.message for problem in problems}
    assert len(messages) == len(problems)
    return messages


def answered(spec: SweepSpec, answer: dict[str, Any]) -> Crossing:
    """A sweep of which all questions have the same answer."""
    return Crossing.of(spec, Facts({question.key: answer for question in questions(spec)}))

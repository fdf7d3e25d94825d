"""Sweep files for tests: a small valid one, different only where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.planning.crossing import Crossing, questions
from orchestrator.planning.facts import Facts
from orchestrator.sweep.problems import Problem, SpecError
from orchestrator.sweep.spec import SweepSpec, spec_from_dict
from tests.support.tiny import IMAGES


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

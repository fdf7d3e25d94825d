"""Techniques of the user's own: what must be asked of them before a sweep can be planned, and their answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.planning.request import Request
from workers.schedules import Program
from workers.techniques import Start
from workers.trial import segment_from_json


@dataclass(frozen=True, slots=True)
class TechniqueQuestion(Request):
    """A function and its arguments, the dense training that it continues (see `DenseTraining`), and a rewind point.

    A new `code_version` makes a new question.
    """

    technique: str
    arguments: dict[str, Any]
    schedule: Program
    steps: int
    last_rate: float | None
    rewind_step: int
    code_version: str | None = field(default=None)


@dataclass(frozen=True, slots=True)
class RetrainingChoice:
    """Where the weights start, and the learning rates of `steps` steps."""

    start: Start
    rates: Program
    steps: int

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> RetrainingChoice:
        return cls(data["start"], tuple(segment_from_json(segment) for segment in data["rates"]), data["steps"])


Choose = Callable[[TechniqueQuestion], RetrainingChoice]

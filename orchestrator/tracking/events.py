"""What happens while a sweep runs: plain data, so that events can be queued, sent and written as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from workers.metrics.facts import KNOWN_ACCURACY


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The trial that an event is about: its id, its longest cell in words, and where that belongs.

    `place` is `network · recipe`; `settings` are the columns of the cell (empty for a trial without one). `steps` is
    where the trial ends. `metric` and `unit` are those of the primary metric, whose scores are named `test_<metric>`.
    """

    trial: str
    cell: str
    place: str
    settings: dict[str, Any] = field(default_factory=dict)
    steps: int
    steps_per_epoch: float
    metric: str = KNOWN_ACCURACY.name
    unit: str = KNOWN_ACCURACY.unit


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStarted:
    """Trials are about to run."""

    sweep: str
    store: str
    cells: int
    cells_done: int
    trials: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialStarted:
    """An attempt at a trial has begun."""

    subject: Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialReached:
    """A trial has reached a step: the training loss there, and the scores of the records published since, by step."""

    subject: Subject
    step: int
    loss: float | None = None
    scores: dict[int, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRetried:
    """An attempt failed, and another one begins after `delay` seconds."""

    subject: Subject
    outcome: str
    reason: str
    delay: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialEnded:
    """A trial has its result, or failed for good. `seconds` and `scores` (by step) are those of its last attempt."""

    subject: Subject
    outcome: str
    seconds: float | None = None
    scores: dict[int, dict[str, float]] = field(default_factory=dict)
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStalled:
    """A sweep, or one of its trials, makes no progress.

    `kind` is the cause: `no_trial_runs`, `no_room`, `store_failed`, `unfit_node` or `silent_trial`. A `fatal` stall
    ends the run.
    """

    kind: str
    reason: str
    fatal: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepEnded:
    """A run has ended, with the exit code of the command; `failed` counts trials by outcome."""

    sweep: str
    store: str
    exit_code: int
    cells: int
    cells_done: int
    failed: dict[str, int]
    seconds: float
    reason: str = ""


Event = SweepStarted | TrialStarted | TrialReached | TrialRetried | TrialEnded | SweepStalled | SweepEnded

KINDS = {kind.__name__: kind for kind in Event.__args__}


class Listener(Protocol):
    """Hears of each event, in the thread of the driver: it must return at once and not raise."""

    def hear(self, event: Event) -> None: ...


def to_json(event: Event) -> dict[str, Any]:
    """The inverse of `from_json`."""
    return {"event": type(event).__name__} | asdict(event)


def from_json(data: dict[str, Any]) -> Event:
    """An event from its JSON form, in which steps are text."""
    values = {name: value for name, value in data.items() if name != "event"}
    if "subject" in values:
        values["subject"] = Subject(**values["subject"])
    if "scores" in values:
        values["scores"] = {int(step): scores for step, scores in values["scores"].items()}
    event: Event = KINDS[data["event"]](**values)
    return event

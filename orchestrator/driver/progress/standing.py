"""How a run stands, as lines for people: they keep what matters at every width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.tracking.events import Subject, TrialEnded, TrialRetried
from workers.metrics.facts import MetricFacts
from workers.text import cut, duration, printable

_LONGEST_BAR, _SHORTEST_BAR, _LEAST_BAR = 40, 12, 4
LONGEST_REASON = 240  # characters
_SOON = 1.0  # seconds
_MOST_TRIALS = 8  # running trials that are shown
_FULL, _EMPTY = "━", "─"


class RunningTrial(NamedTuple):
    """A trial that runs: the step it has reached, its training loss there, and the seconds until it ends."""

    subject: Subject
    step: int | None = None
    loss: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Counts of cells (`done`, `total`) and of trials, and the seconds until the run ends, where that is known.

    `seconds_to_retry` is the time until the next trial that failed is tried again, where one waits for that.
    """

    done: int
    total: int
    running: int = 0
    waiting: int = 0
    failed: int = 0
    blocked: int = 0
    seconds_left: float | None = None
    seconds_to_retry: float | None = None
    trials: list[RunningTrial] = field(default_factory=list)

    @property
    def _vital(self) -> list[str]:
        parts = [f"{self.failed:,} failed"] if self.failed else []
        if self.seconds_left is None:
            return parts
        if self.seconds_left >= _SOON:
            return [*parts, f"about {duration(self.seconds_left)} left"]
        return parts if self.waiting else [*parts, "almost done"]

    @property
    def _optional(self) -> list[str]:
        """From the most to the least important."""
        blocked = [f"{self.blocked:,} blocked"] if self.blocked else []
        seconds = self.seconds_to_retry or 0.0
        retry = [f"next retry in {duration(seconds)}"] if seconds >= _SOON else []
        return [*retry, f"{self.running:,} running", f"{self.waiting:,} waiting", *blocked]

    def line(self) -> str:
        """Everything in one line, for a log."""
        return " · ".join([f"{self.done:,}/{self.total:,} cells done", *self._vital, *self._optional])

    def bar_line(self, width: int) -> str:
        """Count, bar, failures and the time left within a width in columns; other counts as far as they fit."""
        count, parts = f"{self.done:,}/{self.total:,} cells", self._vital
        for part in self._optional:
            if _room(count, [*parts, part], width) < _SHORTEST_BAR:
                break
            parts = [*parts, part]
        bar = min(_LONGEST_BAR, _room(count, parts, width))
        pieces = [count, *([_bar(self.done, self.total, bar)] if bar >= _LEAST_BAR else []), " · ".join(parts)]
        return " ".join(piece for piece in pieces if piece)

    def trial_lines(self, width: int, *, with_place: bool) -> list[str]:
        """A line for each running trial, the words cut so that step, epoch, loss and time left fit a width."""
        lines = [_trial_line(trial, width, with_place=with_place) for trial in self.trials[:_MOST_TRIALS]]
        more = len(self.trials) - _MOST_TRIALS
        return [*lines, f"  and {more:,} more"] if more > 0 else lines


def _room(count: str, parts: list[str], width: int) -> int:
    """Columns that are left for a bar between a count and other parts."""
    return width - len(count) - 1 - (len(" · ".join(parts)) + 1 if parts else 0)


def _bar(done: int, total: int, length: int) -> str:
    full = length * done // total if total else length
    return _FULL * full + _EMPTY * (length - full)


def _trial_line(trial: RunningTrial, width: int, *, with_place: bool) -> str:
    subject, how_far = trial.subject, how_far_in_words(trial)
    words = printable(f"{subject.place} · {subject.cell}" if with_place else subject.cell)
    room = width - len(how_far) - 4
    if room < len(words):
        words = f"{words[: max(0, room - 1)]}…"
    return f"  {words}  {how_far}"[:width]


def how_far_in_words(trial: RunningTrial) -> str:
    """`epoch 3.2 of 12 · loss 0.1234 · 40 s left`; `starting` before the first report."""
    if trial.step is None:
        return "starting"
    per_epoch = trial.subject.steps_per_epoch
    parts = [f"epoch {_tenths(trial.step / per_epoch)} of {_tenths(trial.subject.steps / per_epoch)}"]
    if trial.loss is not None:
        parts.append(f"loss {trial.loss:.4g}")
    if trial.seconds_left is not None and trial.seconds_left >= _SOON:
        parts.append(f"{duration(trial.seconds_left)} left")
    return " · ".join(parts)


def end_line(event: TrialEnded, *, with_place: bool) -> str:
    """`✔ id  lr_rewinding 16× 90%, replicate 0: 91.84% in 12 s`, or how and where a trial failed."""
    subject = event.subject
    cell = printable(f"{subject.place} · {subject.cell}" if with_place or event.outcome != "done" else subject.cell)
    took = "" if event.seconds is None else f" in {_took(event.seconds)}"
    if event.outcome != "done":
        return printable(f"✘ {subject.trial}  {cell}: {event.outcome}{took}: {cut(event.reason, LONGEST_REASON)}")
    scores = event.scores.get(max(event.scores, default=-1), {})
    return f"✔ {subject.trial}  {cell}: {_score(subject, scores)}{took}"


def _score(subject: Subject, scores: Mapping[str, float]) -> str:
    """`91.84%`, `RMSE 54.02 mg/dl`, or `done` without a record."""
    metric, score = MetricFacts(subject.metric, subject.unit), scores.get(f"test_{subject.metric}")
    if score is None:
        return "done"
    words = metric.in_words(score)
    return words if metric.is_percent or metric.unit == metric.title else f"{metric.title} {words}"


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


def retry_line(event: TrialRetried) -> str:
    """Why a trial is tried again, and when."""
    trial, reason = event.subject.trial, printable(cut(event.reason, LONGEST_REASON))
    return f"↻ {trial}  {event.outcome}: {reason}; trying again in {duration(event.delay)}"


def _tenths(number: float) -> str:
    """`3.2` or `1,820`."""
    return f"{number:,.1f}".removesuffix(".0")

"""What a run has done and is doing, from what its trials report; tells people and trackers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.progress.display import Display
from orchestrator.driver.progress.standing import LONGEST_REASON, RunningTrial, Standing
from orchestrator.driver.progress.time_left import TimeLeft
from orchestrator.planning.cells import in_words, place_in_words
from orchestrator.planning.plan import Cell, Plan
from orchestrator.tracking.events import (
    Event,
    Listener,
    Subject,
    SweepStalled,
    SweepStarted,
    TrialEnded,
    TrialReached,
    TrialRetried,
    TrialStarted,
)
from workers.metrics import planned_facts
from workers.store.failures import Failure
from workers.text import cut
from workers.training.attempt import Report

_SETTINGS = (
    "dataset",
    "network",
    "recipe",
    "pruning",
    "schedule",
    "technique",
    "round",
    "compression",
    "budget",
    "replicate",
)  # columns of a cell that trackers get

_SAYING_SECONDS = 5.0


@dataclass(slots=True)
class _Running:
    """A trial that runs: since when, its newest report, and the scores of its records by step."""

    subject: Subject
    begun: float
    step: int | None = None
    loss: float | None = None
    scores: dict[int, dict[str, float]] = field(default_factory=dict)


class Progress:
    """Counts the cells that trials complete. `listeners` hear of each event, the display first.

    `say_elsewhere` gets a line on how the run stands and what keeps it from making progress, every few seconds.
    """

    def __init__(
        self,
        plan: Plan,
        agenda: Agenda,
        *,
        time_left: TimeLeft,
        display: Display,
        store: str = "",
        listeners: Sequence[Listener] = (),
        say_elsewhere: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agenda = agenda
        self.time_left = time_left
        self._display = display
        self._store = store
        self._listeners = (display, *listeners)
        self._say_elsewhere = say_elsewhere
        self._said = float("-inf")
        self._stall, self._stalled_trial = "", ""
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._reached: dict[str, int] = {}
        self.show_plan(plan)

    def show_plan(self, plan: Plan) -> None:
        """Count the cells of a plan, and the jobs on the agenda that are left."""
        self._plan = plan
        self._cells: dict[str, list[Cell]] = defaultdict(list)
        self._example: dict[str, Cell] = {}
        for cell in plan.cells:
            self._cells[cell.stop.trial].append(cell)
            for trial in (*cell.lineage, cell.stop.trial):
                self._example.setdefault(trial, cell)
        self.total = len(plan.cells)
        jobs = {trial: job for trial, job in self._agenda.jobs.items() if trial not in self._agenda.done}
        left = {(trial, step) for trial, job in jobs.items() for step in job.records}
        self.done = sum((cell.stop.trial, cell.stop.step) not in left for cell in plan.cells)

    def __enter__(self) -> Progress:
        self._display.start(self.standing)
        self._tell(
            SweepStarted(
                sweep=self._plan.spec.name,
                store=self._store,
                cells=self.total,
                cells_done=self.done,
                trials=len(self._agenda.jobs) - len(self._agenda.done),
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._display.stop(self.standing)

    def begun(self, trial: str) -> None:
        """A trial has begun in its process."""
        if trial not in self._running:
            self._forget_stall()
            self.time_left.begun(trial)
            self._running[trial] = _Running(self._subject(trial), self._clock())
            self._tell(TrialStarted(subject=self._running[trial].subject))

    def reached(self, trial: str, step: int, report: Report) -> None:
        """A trial has trained up to a step and published its stops up to there."""
        self.begun(trial)
        running = self._running[trial]
        if running.step == step and not report.scores:
            return
        self.time_left.reached(trial, step)
        self._forget_stall(trial)
        running.step = step
        running.loss = running.loss if report.loss is None else report.loss
        running.scores |= report.scores
        before = self._reached.get(trial, -1)
        self._reached[trial] = max(before, step)
        records = self._agenda.jobs[trial].records
        self.done += sum(cell.stop.step in records and before < cell.stop.step <= step for cell in self._cells[trial])
        self._tell(TrialReached(subject=running.subject, step=step, loss=running.loss, scores=report.scores))
        self.tick()

    def finished(self, trial: str) -> None:
        """A trial has its result."""
        self._ended(trial, "done")

    def interrupted(self, trial: str) -> None:
        """An attempt ended early, and a later one continues it."""
        self._leave(trial, done=False)

    def failed(self, trial: str, failure: Failure) -> None:
        """A trial failed, and is not tried again."""
        self._ended(trial, failure.outcome, failure.first_line, failure.hint)

    def retried(self, trial: str, failure: Failure, delay: float) -> None:
        """A trial will run again, from its last saved state, after a delay in seconds."""
        subject = self._subject(trial)
        self.interrupted(trial)
        self._tell(TrialRetried(subject=subject, outcome=failure.outcome, reason=failure.first_line, delay=delay))

    def _ended(self, trial: str, outcome: str, reason: str = "", hint: str = "") -> None:
        subject = self._subject(trial)
        running = self._leave(trial, done=outcome == "done")
        self._tell(
            TrialEnded(
                subject=subject,
                outcome=outcome,
                seconds=self._clock() - running.begun if running else None,
                scores=running.scores if running else {},
                reason=reason,
                hint=hint,
            )
        )
        self.tick()

    def _leave(self, trial: str, *, done: bool) -> _Running | None:
        """A trial no longer runs. Returns what was known of it, if it has begun."""
        self.time_left.ended(trial, done=done)
        self._forget_stall(trial)
        return self._running.pop(trial, None)

    def stalled(self, kind: str, reason: str, *, trial: str = "", fatal: bool = False) -> None:
        """The sweep, or a trial, makes no progress: see `SweepStalled`."""
        self._stall, self._stalled_trial = reason, trial
        self._tell(SweepStalled(kind=kind, reason=reason, fatal=fatal))

    def _forget_stall(self, trial: str = "") -> None:
        """A trial makes progress again or has ended; without one: the sweep is not paused any longer."""
        if trial == self._stalled_trial:
            self._stall = ""

    def tick(self) -> None:
        """Redraw; call this often."""
        self._display.tick(self.standing)
        if (now := self._clock()) - self._said >= _SAYING_SECONDS:
            self._said = now
            stall = cut(" ".join(self._stall.split()), LONGEST_REASON)
            self._say_elsewhere(" · ".join(filter(None, [self.standing().line(), stall])))

    def standing(self) -> Standing:
        """How the run stands."""
        agenda, running = self._agenda, len(self._running)
        is_paused = bool(self._stall) and not running
        return Standing(
            done=self.done,
            total=self.total,
            running=running,
            waiting=agenda.waiting + max(0, len(agenda.running) - running),
            failed=len(agenda.failed),
            blocked=len(agenda.blocked),
            seconds_left=None if agenda.exhausted or is_paused else self.time_left.seconds(),
            seconds_to_retry=agenda.next_retry,
            trials=[self._running_trial(trial, running) for trial, running in self._running.items()],
        )

    def _running_trial(self, trial: str, running: _Running) -> RunningTrial:
        return RunningTrial(running.subject, running.step, running.loss, self.time_left.of_trial(trial))

    def _subject(self, trial: str) -> Subject:
        if trial in self._running:
            return self._running[trial].subject
        job = self._agenda.jobs[trial]
        cells = [cell for cell in self._cells[trial] if cell.stop.step in job.records]
        cell = max(cells, key=lambda cell: cell.stop.step, default=None)
        row = (cell or self._example[trial]).row()
        metric = planned_facts(job.evaluation.metrics[0])
        return Subject(
            trial=trial,
            cell=in_words(row) if cell else f"{_stage_in_words(job.trial.stage)}, toward {in_words(row)}",
            place=place_in_words(row),
            settings={name: row[name] for name in _SETTINGS} if cell else {},
            steps=job.last_step,
            steps_per_epoch=float(self._plan.trials[trial].steps_per_epoch),
            metric=metric.name,
            unit=metric.unit,
        )

    def say(self, message: str) -> None:
        """Print a permanent line above the display."""
        self._display.say(message)

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener.hear(event)


def _stage_in_words(stage: str) -> str:
    """`dense`, `reinit`, or `round 3`, of a trial that no cell points to."""
    return f"round {stage}" if stage.isdecimal() else stage

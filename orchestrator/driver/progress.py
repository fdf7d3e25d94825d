"""What people see while a sweep runs, on stderr: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import defaultdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

from orchestrator.driver.agenda import Agenda
from orchestrator.planning.cells import in_words, place_in_words
from orchestrator.planning.plan import Cell, Plan
from workers.store import Store
from workers.store.failures import Failure
from workers.store.layout import RecordKey
from workers.text import duration

_PLAIN_SECONDS = 15.0
_REDRAW_SECONDS = 0.25


class Progress:
    """Counts the cells and steps that trials report, and shows them. `slots` trials can run at once."""

    def __init__(self, plan: Plan, store: Store, agenda: Agenda, *, slots: int, quiet: bool = False) -> None:
        self._store = store
        self._agenda = agenda
        self._slots = slots
        self._evaluation = plan.evaluation.key
        self._reached: dict[str, int] = {}
        self._steps_trained = 0
        self.show_plan(plan)
        self._begun = self._shown = time.monotonic()
        self._latest: Cell | None = None
        self._quiet = quiet
        self._console = Console(file=sys.stderr, highlight=False)  # also while a trial prints to its log
        self._live = self._live_display() if self._console.is_terminal and not quiet else None

    def show_plan(self, plan: Plan) -> None:
        """Count the cells of a plan, and the jobs on the agenda that are left."""
        self._cells: dict[str, list[Cell]] = defaultdict(list)
        for cell in plan.cells:
            self._cells[cell.stop.trial].append(cell)
        self._several_places = len({place_in_words(cell.row()) for cell in plan.cells}) > 1
        self.total = len(plan.cells)
        jobs = {trial: job for trial, job in self._agenda.jobs.items() if trial not in self._agenda.done}
        left = {(trial, step) for trial, job in jobs.items() for step in job.records}
        self.done = sum((cell.stop.trial, cell.stop.step) not in left for cell in plan.cells)
        self._steps_left = {trial: job.last_step for trial, job in jobs.items()}

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        self._show(force=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._show(force=True)
        if self._live:
            self._live.stop()

    def started(self, trial: str) -> None:
        self._show()

    def reached(self, trial: str, step: int) -> None:
        """A trial has trained up to a step and published its stops up to there."""
        before = self._reached.get(trial)
        self._reached[trial] = step
        job = self._agenda.jobs[trial]
        if before is not None:  # the first report gives the step that the trial continued from
            self._steps_trained += max(0, step - before)
        self._steps_left[trial] = max(0, job.last_step - step)
        for cell in self._cells[trial]:
            if cell.stop.step in job.records and (before or -1) < cell.stop.step <= step:
                self.done += 1
                self._latest = cell
        self._show()

    def finished(self, trial: str) -> None:
        self._steps_left[trial] = 0
        self._show()

    def failed(self, trial: str, failure: Failure) -> None:
        self._steps_left[trial] = 0
        self.say(f"✘ {trial}  {self._what(trial)}: {failure.outcome}: {failure.first_line}")

    def _what(self, trial: str) -> str:
        """The first cell of a trial in words, with its network and recipe where the sweep has several."""
        cells = self._cells[trial]
        if not cells:
            return "dense network"
        row = cells[0].row()
        return f"{place_in_words(row)} · {in_words(row)}" if self._several_places else in_words(row)

    def retried(self, trial: str, failure: Failure, delay: float) -> None:
        """A trial will run again, from its last saved state, after a delay in seconds."""
        self.say(f"↻ {trial}  {failure.outcome}: {failure.first_line}; trying again in {duration(delay)}")

    def say(self, message: str) -> None:
        """Print a line that stays."""
        if not self._quiet:
            self.warn(message)

    def warn(self, message: str) -> None:
        """Print a line that stays, even if the progress is quiet: the sweep is paused."""
        self._console.print(message, markup=False, soft_wrap=True)

    def tick(self) -> None:
        """Redraw; call this often."""
        self._show()

    def seconds_left(self) -> float | None:
        """Seconds left at the speed so far; None before anything was trained."""
        elapsed = time.monotonic() - self._begun
        if self._steps_trained == 0:
            return None
        return elapsed / self._steps_trained * sum(self._steps_left.values())

    def _show(self, force: bool = False) -> None:
        now = time.monotonic()
        interval = _REDRAW_SECONDS if self._live else _PLAIN_SECONDS
        if self._quiet or (not force and now - self._shown < interval):
            return
        self._shown = now
        if self._live:
            self._live.update(
                self._task, completed=self.done, total=self.total, status=self._status(), latest=self._result()
            )
        else:
            latest = self._result()
            line = f"{self.done}/{self.total} cells done · {self._status()}" + (f" · {latest}" if latest else "")
            print(line, file=sys.stderr, flush=True)

    def _status(self) -> str:
        agenda = self._agenda
        running = min(len(agenda.running), self._slots)  # Tune also counts trials that wait for a slot
        parts = [f"{running} running", f"{agenda.waiting + len(agenda.running) - running} waiting"]
        if agenda.failed:
            parts.append(f"{len(agenda.failed)} failed")
        if agenda.blocked:
            parts.append(f"{len(agenda.blocked)} blocked")
        left = self.seconds_left()
        if left is not None and (agenda.running or agenda.waiting):
            parts.append(f"about {duration(left)} left")
        return " · ".join(parts)

    def _result(self) -> str:
        """The latest result, from its record; empty before the first."""
        cell = self._latest
        if cell is None:
            return ""
        accuracy = self._store.records.accuracy(RecordKey(cell.stop.trial, cell.stop.step, self._evaluation))
        return f"{in_words(cell.row())}: {accuracy:.2%}" if accuracy is not None else ""

    def _live_display(self) -> RichProgress:
        display = RichProgress(
            MofNCompleteColumn(),
            TextColumn("cells"),
            BarColumn(),
            TextColumn("{task.fields[status]}"),
            TextColumn("[dim]{task.fields[latest]}"),
            console=self._console,
            transient=False,
        )
        self._task = display.add_task("", total=self.total, completed=self.done, status="", latest="")
        return display

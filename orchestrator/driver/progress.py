"""What a person sees while a sweep runs: a live display on a terminal, plain lines elsewhere. All on stderr."""

from __future__ import annotations

import sys
import time
from collections import defaultdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

from orchestrator.driver.agenda import Agenda
from orchestrator.planning.cells import in_words
from orchestrator.planning.plan import Cell, Plan
from workers.store import Store
from workers.store.failures import Failure
from workers.store.layout import RecordKey
from workers.text import duration

_PLAIN_SECONDS = 15.0
_REDRAW_SECONDS = 0.25


class Progress:
    """Counts cells and steps as jobs report them, and shows them. Methods take trial ids."""

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
        self._console = Console(stderr=True, highlight=False)
        self._live = self._live_display() if self._console.is_terminal and not quiet else None

    def show_plan(self, plan: Plan) -> None:
        """Count the cells of a plan, and the jobs of the agenda that are left of it."""
        self._cells: dict[str, list[Cell]] = defaultdict(list)
        for cell in plan.cells:
            self._cells[cell.stop.trial].append(cell)
        self.total = len(plan.cells)
        jobs = {name: job for name, job in self._agenda.jobs.items() if name not in self._agenda.done}
        left = {(name, step) for name, job in jobs.items() for step in job.records}
        self.done = sum((cell.stop.trial, cell.stop.step) not in left for cell in plan.cells)
        self._steps_left = {name: job.last_step for name, job in jobs.items()}

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        self._show(force=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._show(force=True)
        if self._live:
            self._live.stop()

    def started(self, name: str) -> None:
        self._show()

    def reached(self, name: str, step: int) -> None:
        """A trial has trained up to a step, and published its stops up to there."""
        before = self._reached.get(name)
        self._reached[name] = step
        job = self._agenda.jobs[name]
        if before is not None:  # the first report says where it went on from, not what it trained
            self._steps_trained += max(0, step - before)
        self._steps_left[name] = max(0, job.last_step - step)
        for cell in self._cells[name]:
            if cell.stop.step in job.records and (before or -1) < cell.stop.step <= step:
                self.done += 1
                self._latest = cell
        self._show()

    def finished(self, name: str) -> None:
        self._steps_left[name] = 0
        self._show()

    def failed(self, name: str, failure: Failure) -> None:
        self._steps_left[name] = 0
        cells = self._cells[name]
        what = in_words(cells[0].row()) if cells else "dense network"
        self.say(f"✘ {name}  {what}: {failure.outcome}: {failure.first_line}")

    def retried(self, name: str, failure: Failure, delay: float) -> None:
        """A trial will begin again, from its last saved state, after a delay in seconds."""
        self.say(f"↻ {name}  {failure.outcome}: {failure.first_line}; again in {duration(delay)}")

    def say(self, message: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self.warn(message)

    def warn(self, message: str) -> None:
        """A line that stays, and is shown to those who want it quiet too: nothing goes on for now."""
        self._console.print(message, markup=False, soft_wrap=True)

    def tick(self) -> None:
        """To be called now and then."""
        self._show()

    def seconds_left(self) -> float | None:
        """Time left at the speed so far; None until there is one."""
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
        running = min(len(agenda.running), self._slots)  # Tune also holds trials that wait for a slot
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
        """The latest result, read from its record."""
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

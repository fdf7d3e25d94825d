"""How a run went, and its exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.work import Work
from orchestrator.tracking.events import SweepEnded
from workers import html
from workers.errors import PrunesweepError, StoreError
from workers.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """How a run went.

    `trained` (in this run), `failed` and `blocked` count trials, `outcomes` the failed ones by class, and
    `cells_held_up` the cells that wait for a failed trial. `unreadable` are the damaged records (path: reason), whose
    cells are not done.
    """

    cells_done: int
    cells: int
    trained: int = 0
    failed: int = 0
    blocked: int = 0
    cells_held_up: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    signal: int | None = None
    out_of_time: bool = False
    unreadable: dict[str, str] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        header = ("run", "cells done", "cells", "trials trained", "failed", "blocked")
        how = "interrupted" if self.interrupted else "finished"
        row = (how, self.cells_done, self.cells, self.trained, self.failed, self.blocked)
        blocks = [html.table("How the run went", header, [row])]
        return "\n".join([*blocks, html.paragraph(f"Failed: {self.classes}")] if self.failed else blocks)

    @property
    def interrupted(self) -> bool:
        """Whether the run stopped early, by a signal or its time limit."""
        return self.signal is not None or self.out_of_time

    @property
    def classes(self) -> str:
        """The failed trials by class, for people: `2 diverged, 1 io`."""
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))

    @property
    def cells_left(self) -> int:
        """The cells that are not done and do not wait for a failed trial."""
        return self.cells - self.cells_done - self.cells_held_up

    @property
    def exit_code(self) -> int:
        """0 done, 3 finished with failures, 129, 130 or 143 interrupted (130 also at the end of the time given)."""
        if self.signal is not None:
            return 128 + self.signal
        if self.out_of_time and self.cells_left:
            return 130
        return 0 if self.cells_done == self.cells else 3


def summarize(work: Work, store: Store, interrupt: Interrupt) -> Summary:
    """Count what the store has of the newest plan, and what became of the trials."""
    plan, agenda = work.plan, work.agenda
    records, unreadable = store.records.sound()
    failures = store.failures.read_some(agenda.failed)
    key = plan.evaluation.key
    return Summary(
        cells=len(plan.cells),
        cells_done=sum((cell.stop.trial, cell.stop.step, key) in records for cell in plan.cells),
        trained=len(agenda.done),
        failed=len(agenda.failed),
        blocked=len(agenda.blocked),
        cells_held_up=sum(
            (cell.stop.trial, cell.stop.step, key) not in records
            and not agenda.failed.isdisjoint((*cell.lineage, cell.stop.trial))
            for cell in plan.cells
        ),
        outcomes=dict(Counter(failures[trial].outcome if trial in failures else "bug" for trial in agenda.failed)),
        signal=interrupt.signal,
        out_of_time=interrupt.out_of_time,
        unreadable=unreadable,
    )


def ended(sweep: str, store: str, summary: Summary, problem: Exception | None, seconds: float) -> SweepEnded:
    """The event of a run that has ended, with the problem that ended it early, if there is one."""
    code = summary.exit_code
    if problem is not None:
        code = problem.exit_code if isinstance(problem, PrunesweepError) else StoreError.exit_code
    return SweepEnded(
        sweep=sweep,
        store=store,
        exit_code=code,
        cells=summary.cells,
        cells_done=summary.cells_done,
        failed=summary.outcomes,
        seconds=seconds,
        reason=problem.message if isinstance(problem, PrunesweepError) else str(problem or ""),
    )

"""How far a sweep is: counts of its cells, and what failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from orchestrator.planning.cells import Kept, in_words
from orchestrator.planning.prunable_share import Share
from orchestrator.search.settings import SearchSettings
from workers.errors import hint_line
from workers.store.failures import Failure
from workers.store.layout import RecordKey
from workers.text import plural


class FailedTrial(NamedTuple):
    """A failure, how many cells of the sweep it holds up, and one of these in words."""

    failure: Failure
    cells_held_up: int
    cell: str

    def to_json(self) -> dict[str, Any]:
        return self.failure.to_json() | {"cells_held_up": self.cells_held_up, "cell": self.cell}

    def lines(self, store: str, trial: str) -> list[str]:
        """What failed, why and how often; which cells wait for it; the command that prints its log."""
        failure = self.failure
        step = "" if failure.step is None else f" at step {failure.step:,}"
        repeated = [f"{count} times {outcome}" for outcome, count in failure.attempts.items() if count > 1]
        times = f" ({', '.join(repeated)})" if repeated else ""
        cells = self.cell
        if self.cells_held_up > 1:
            cells += f" and {plural(self.cells_held_up - 1, 'other cell')}"
        lines = [f"  ✘ {trial}  {failure.outcome}{step}{times}: {failure.first_line}", f"    {cells}"]
        return [*lines, f"    prunesweep logs {store} {trial}"] if failure.log else lines


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStatus:
    """Counts of cells, and the failed trials by id.

    `search` is what `prunesweep prune` was asked for, if it made the sweep, and `stopped_by` why that search ended.
    """

    sweep: str
    retired: bool = False
    cells: int
    done: int
    failed: int
    blocked: int
    failures: dict[str, FailedTrial]
    search: SearchSettings | None = None
    stopped_by: str | None = None
    prunable: list[Share] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Cells that are neither done, nor failed, nor blocked by a failure."""
        return self.cells - self.done - self.failed - self.blocked

    @property
    def hint(self) -> str:
        """What to do next; empty if the sweep is complete or retired."""
        if self.retired:
            return ""
        if self.failures:
            return "`prunesweep resume --retry-failed` runs them again"
        if self.search and not self.stopped_by:
            return "`prunesweep resume` continues the search"
        return "`prunesweep resume` runs what is missing" if self.missing else ""

    def to_json(self) -> dict[str, Any]:
        names = ("sweep", "retired", "cells", "done", "failed", "blocked", "missing", "stopped_by")
        return {name: getattr(self, name) for name in names} | {
            "failures": {trial: failed.to_json() for trial, failed in self.failures.items()},
            "search": self.search.to_json() if self.search else None,
            "prunable": [share.to_json() for share in self.prunable],
        }

    def lines(self, store: str) -> list[str]:
        """The sweep as a person reads it."""
        counts = {"failed": self.failed, "blocked": self.blocked, "missing": self.missing}
        rest = "".join(f", {count:,} {word}" for word, count in counts.items() if count)
        name = f"{self.sweep} (retired)" if self.retired else self.sweep
        lines = [f"{name}: {self.done:,} of {plural(self.cells, 'cell')} done{rest}"]
        lines += [f"  {share}" for share in self.prunable]
        if self.search:
            lines.append(f"  {'finished' if self.stopped_by else 'unfinished'} search: {self.search}")
        for trial, failed in self.failures.items():
            lines += failed.lines(store, trial)
        return [*lines, f"  {hint_line(self.hint)}"] if self.hint else lines


def sweep_status(folder: str, kept: Kept, records: set[RecordKey], failures: dict[str, Failure]) -> SweepStatus:
    """The cells of a sweep that are done and failed, given the sound records and the failures of its store."""
    of_words = ["technique", "compression", "budget", "schedule", "round", "replicate"]
    columns = ["trial", "step", "evaluation", "lineage", *of_words]
    done = failed = blocked = 0
    held_up: Counter[str] = Counter()
    example: dict[str, str] = {}
    cells = kept.cells.select(columns).to_pylist()
    for cell in cells:
        if RecordKey(cell["trial"], cell["step"], cell["evaluation"]) in records:
            done += 1
            continue
        culprit = next((trial for trial in (*cell["lineage"], cell["trial"]) if trial in failures), None)
        if culprit is None:
            continue
        held_up[culprit] += 1
        example.setdefault(culprit, in_words(cell))
        if culprit == cell["trial"]:
            failed += 1
        else:
            blocked += 1
    return SweepStatus(
        sweep=folder,
        cells=len(cells),
        done=done,
        failed=failed,
        blocked=blocked,
        failures={trial: FailedTrial(failures[trial], count, example[trial]) for trial, count in held_up.items()},
        search=SearchSettings.of(kept.sweep),
        stopped_by=kept.sweep.get("search", {}).get("stopped_by"),
    )

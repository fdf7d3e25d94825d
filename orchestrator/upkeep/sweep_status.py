"""How far a sweep is: counts of its cells, and what failed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from orchestrator.planning.cells import Kept, failures_in_words, in_words, place_in_words
from orchestrator.planning.prunable_share import Share
from orchestrator.search.settings import SearchSettings
from orchestrator.upkeep.causes import FailedTrial, causes
from workers.errors import hint_line
from workers.store.failures import Failure
from workers.store.layout import RecordKey
from workers.text import plural


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStatus:
    """Counts of cells, the failed trials by id, and what each trial is that is still to run or is running.

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
    pending: dict[str, str] = field(default_factory=dict)

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

    @property
    def outcomes(self) -> dict[str, int]:
        """The failed trials by outcome."""
        return dict(Counter(failed.failure.outcome for failed in self.failures.values()))

    def lines(self, store: str, *, driven: bool) -> list[str]:
        """The sweep as a person reads it; without advice what to run while a driver is at work."""
        name = f"{self.sweep} (retired)" if self.retired else self.sweep
        head = f"{name}: {self.done:,} of {plural(self.cells, 'cell')} done"
        if self.missing:
            head += f", {self.missing:,} missing"
        lines = [head]
        lines += [f"  {share}" for share in self.prunable]
        if self.search:
            lines.append(f"  {'finished' if self.stopped_by else 'unfinished'} search: {self.search}")
        if self.failures:
            lines.append(f"  {failures_in_words(self.outcomes, self.failed + self.blocked)}")
        for cause in causes(self.failures):
            lines += cause.lines(store)
        return [*lines, f"  {hint_line(self.hint)}"] if self.hint and not driven else lines


def sweep_status(folder: str, kept: Kept, records: set[RecordKey], failures: dict[str, Failure]) -> SweepStatus:
    """The cells of a sweep that are done and failed, given the sound records and the failures of its store."""
    of_words = ["dataset", "network", "recipe", "technique", "compression", "budget", "schedule", "round", "replicate"]
    columns = ["trial", "step", "evaluation", "lineage", *of_words]
    done = failed = blocked = 0
    held_up: Counter[str] = Counter()
    example: dict[str, str] = {}
    places: dict[str, dict[str, None]] = defaultdict(dict)
    pending: dict[str, str] = {}
    cells = kept.cells.select(columns).to_pylist()
    for cell in cells:
        if RecordKey(cell["trial"], cell["step"], cell["evaluation"]) in records:
            done += 1
            continue
        culprit = next((trial for trial in (*cell["lineage"], cell["trial"]) if trial in failures), None)
        if culprit is None:
            for trial in (*cell["lineage"], cell["trial"]):
                pending.setdefault(trial, f"{place_in_words(cell)} · {in_words(cell)}")
            continue
        held_up[culprit] += 1
        example.setdefault(culprit, in_words(cell))
        places[culprit][place_in_words(cell)] = None
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
        failures={
            trial: FailedTrial(failures[trial], count, example[trial], tuple(places[trial]))
            for trial, count in held_up.items()
        },
        pending=pending,
        search=SearchSettings.of(kept.sweep),
        stopped_by=kept.sweep.get("search", {}).get("stopped_by"),
    )

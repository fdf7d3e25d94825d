"""How far a sweep is: counts of its cells, and what failed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from orchestrator.planning.cells import Kept, failures_in_words, first_failed, in_words, place_in_words
from orchestrator.planning.prunable_share import Share
from orchestrator.search.settings import SearchSettings
from orchestrator.upkeep.causes import FailedTrial, causes
from workers.errors import hint_line
from workers.store.failures import Failure
from workers.store.layout import RecordKey
from workers.text import plural

_WORDS = ("dataset", "network", "recipe", "technique", "compression", "budget", "schedule", "round", "replicate")
_COLUMNS = ["trial", "step", "evaluation", "lineage", *_WORDS]


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
    cells = kept.cells.select(_COLUMNS).to_pylist()
    missing = [cell for cell in cells if RecordKey(cell["trial"], cell["step"], cell["evaluation"]) not in records]
    held_up: dict[str, list[dict[str, Any]]] = defaultdict(list)  # the missing cells of each failed trial
    pending: dict[str, str] = {}
    for cell in missing:
        culprit = first_failed(cell["trial"], cell["lineage"], failures)
        if culprit is not None:
            held_up[culprit].append(cell)
            continue
        for trial in (*cell["lineage"], cell["trial"]):
            pending.setdefault(trial, f"{place_in_words(cell)} · {in_words(cell)}")
    failed = sum(cell["trial"] == culprit for culprit, blocked in held_up.items() for cell in blocked)
    return SweepStatus(
        sweep=folder,
        cells=len(cells),
        done=len(cells) - len(missing),
        failed=failed,
        blocked=sum(map(len, held_up.values())) - failed,
        failures={trial: _failed_trial(failures[trial], blocked) for trial, blocked in held_up.items()},
        pending=pending,
        search=SearchSettings.of(kept.sweep),
        stopped_by=kept.sweep.get("search", {}).get("stopped_by"),
    )


def _failed_trial(failure: Failure, cells: list[dict[str, Any]]) -> FailedTrial:
    """A failed trial that keeps some cells from being done."""
    places = tuple(dict.fromkeys(map(place_in_words, cells)))
    return FailedTrial(failure, len(cells), in_words(cells[0]), places)

"""What went wrong: the causes of failures, and where they fell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from orchestrator.results.page.grids import Grid, Record
from orchestrator.results.page.source import PageSource
from orchestrator.results.page.tables import NOTHING, Cell, DataTable, MarkedCell
from orchestrator.results.wording import labels_of
from workers.store.failures import Failure


def causes(source: PageSource, rows: Sequence[Record]) -> DataTable | None:
    """The failed trials that hold up some of these rows, by outcome and reason, numbers aside; null without any."""
    held_up: dict[str, list[Record]] = defaultdict(list)
    for row in rows:
        if row.get("failed_trial") in source.failures:
            held_up[row["failed_trial"]].append(row)
    by_cause: dict[tuple[str, str], list[str]] = defaultdict(list)
    for trial in held_up:
        by_cause[source.failures[trial].cause].append(trial)
    lines = [_line(source, trials, held_up) for trials in by_cause.values()]
    if not lines:
        return None
    header = [
        "outcome",
        "trials",
        "cells held up",
        "techniques",
        "first line of the error",
        "hosts",
        "what to do",
        "example",
    ]
    return DataTable("Failed trials by cause", header, lines, texts=(3, 4, 5, 6, 7))


def _line(source: PageSource, trials: Sequence[str], held_up: dict[str, list[Record]]) -> list[Cell]:
    failures = [source.failures[trial] for trial in trials]
    rows = [row for trial in trials for row in held_up[trial]]
    first = failures[0]
    return [
        first.outcome,
        str(len(trials)),
        str(len(rows)),
        ", ".join(dict.fromkeys(row["technique"] for row in rows)),
        MarkedCell(_reason(first), "text"),
        ", ".join(sorted({failure.host for failure in failures if failure.host})) or NOTHING,
        MarkedCell(first.hint or NOTHING, "text"),
        trials[0],
    ]


def _reason(failure: Failure) -> str:
    at = "" if failure.step is None else f" (at step {failure.step:,})"
    return f"{failure.first_line}{at}"


def failures_by_place(grid: Grid) -> DataTable | None:
    """Failed and blocked cells of a grid by technique and compression; null without any."""
    counts: Counter[tuple[str, float]] = Counter()
    cells: Counter[tuple[str, float]] = Counter()
    for group in grid.groups.values():
        place = group.technique, group.compression
        cells[place] += len(group.rows)
        counts[place] += sum(row["failure"] is not None for row in group.rows)
    if not counts.total():
        return None
    labels = labels_of(grid.section)
    rows = [
        [technique, *(_share(counts[technique, c], cells[technique, c]) for c in grid.section.compressions)]
        for technique in grid.section.techniques
    ]
    caption = f"Failed and blocked cells of those planned: {grid.section.title}"
    return DataTable(caption, ["technique", *labels.values()], rows)


def _share(failed: int, planned: int) -> Cell:
    if not planned:
        return ""
    return MarkedCell(f"{failed} of {planned}", "alarm") if failed else "none"

"""The report page of the published study and of a store with 1,500 cells: seconds and bytes."""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from measure import Figure, arguments, finish, write_sweep
from scale import detail, large_sweep, publish_all, record, timed

import prunesweep as ps
from orchestrator.planning import changes, expand
from orchestrator.planning.crossing import find_out
from orchestrator.planning.plan import Plan
from workers.store import Store

HOSTS = 8


def main() -> None:
    quick = arguments(__doc__ or "").quick
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as name:
        folder = Path(name)
        figures = measured("a store", str(make_store(folder, 1 if quick else 3)), folder, seconds=10, megabytes=1)
        if not quick:
            figures += measured("the published study", "renda2020", folder, seconds=20, megabytes=1.5)
    finish("report", quick, figures)


def measured(what: str, location: str, folder: Path, *, seconds: float, megabytes: float) -> list[Figure]:
    """The time and the size of a page."""
    page = folder / "page.html"
    taken = timed("report", location, "--output", page)
    return [
        Figure(f"cells in {what}", len(ps.frame(location)), "cells"),
        Figure(f"page of {what}", taken, "s", at_most=seconds),
        Figure(f"size of the page of {what}", page.stat().st_size / 1e6, "MB", at_most=megabytes),
    ]


def make_store(folder: Path, replicates: int) -> Path:
    """500 pruned cells per replicate, all done, with layers and learning curves."""
    spec = ps.load(write_sweep(folder / "sweep.yaml", large_sweep(compressions=10, budgets=10, replicates=replicates)))
    plan = expand.make_plan(find_out(spec, None))
    location = folder / "store"
    store = Store(location, create=True)
    store.sweeps.add(spec.name, {"version": 1, "spec": spec.canonical(), "tasks": changes.tasks(plan)}, plan.table())
    details = (detail(1 / (1.5 + number % 10 / 4)) for number in itertools.count())
    publish_all(location, records(plan), details)
    return location


def records(plan: Plan) -> Iterator[dict[str, Any]]:
    """A record for each stop, on a few hosts, with accuracies that vary."""
    chance = random.Random(0)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    cells = {cell.stop: cell for cell in plan.cells}
    for number, cell in enumerate(cells.values()):
        made = record(cell, plan.evaluation.key)
        start = begin + timedelta(minutes=number // HOSTS)
        yield made | {
            "test_score": made["test_score"] + chance.gauss(0, 0.002),
            "validation_score": made["validation_score"] + chance.gauss(0, 0.002),
            "host": f"node-{number % HOSTS}",
            "started_at": start,
            "finished_at": start + timedelta(seconds=chance.uniform(40, 60)),
            "wall_seconds": chance.uniform(40, 60),
            "multiply_adds": 41_075_328.0,
            "sparse_multiply_adds": 41_075_328.0 * float(cell.density),
        }


if __name__ == "__main__":
    main()

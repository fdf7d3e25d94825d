"""Whether a sweep is complete, and whether its results can be compared with each other."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from orchestrator.results.page.grids import Record
from orchestrator.results.page.source import PageSource
from orchestrator.results.page.tables import DataTable
from orchestrator.results.score_columns import metric_of
from orchestrator.results.wording import names_of
from workers.techniques import DENSE
from workers.text import plural


@dataclass(frozen=True, slots=True)
class Trust:
    """The state of a sweep in a sentence, warnings about what is mixed, and what trials ran on."""

    state: str
    warnings: Sequence[str]
    facts: Sequence[str]
    complete: bool


def trust(source: PageSource, rows: Sequence[Record]) -> Trust:
    """The trust in the rows of a page."""
    done = sum(bool(row["done"]) for row in rows)
    failed = sum(row["failure"] not in (None, "blocked") for row in rows)
    blocked = sum(row["failure"] == "blocked" for row in rows)
    missing = len(rows) - done - failed - blocked
    state = f"{done:,} of {plural(len(rows), 'cell')} done"
    parts = [f"{count:,} {what}" for count, what in ((failed, "failed"), (blocked, "blocked by a failure")) if count]
    parts += [f"{missing:,} missing"] if missing else []
    state += f", {', '.join(parts)}." if parts else ": the sweep is complete."
    broken = sum(bool(row["done"]) and not isfinite(row["test_score"] or 0.0) for row in rows)
    if broken:
        names = names_of(metric_of(row) for row in rows)
        state += f" The {names} of {plural(broken, 'cell')} that {'is' if broken == 1 else 'are'} done is not finite."
    warnings = [*mixtures(rows), *_damages(source, rows)]
    return Trust(state, warnings, _facts(rows), done == len(rows))


_MIXED = {
    "prunesweep_version": "prunesweep versions",
    "commit": "commits of prunesweep",
    "torch_version": "torch versions",
    "python_version": "Python versions",
    "device": "devices",
    "instruction_set": "CPU instruction sets",
    "threads": "thread counts",
    "ranks": "rank counts",
}


def mixtures(rows: Sequence[Record]) -> list[str]:
    """What differs between records that are compared: versions, devices, and the data of a data set."""
    warnings = []
    for column, words in _MIXED.items():
        counts = Counter(str(row[column]) for row in rows if row.get(column) is not None)
        if len(counts) > 1:
            warnings.append(f"Results come from {len(counts)} {words}: {_counted(counts)}.")
    for name, fingerprints in _fingerprints(rows).items():
        if len(fingerprints) > 1:
            warnings.append(
                f"Results come from {len(fingerprints)} versions of the data set {name}: {_counted(fingerprints)}."
            )
    return warnings


def _fingerprints(rows: Iterable[Record]) -> dict[str, Counter[str]]:
    """The fingerprints of each data set, as the settings of the records have them."""
    by_name: dict[str, Counter[str]] = defaultdict(Counter)
    for text, count in Counter(row.get("settings") for row in rows).items():
        dataset = _dataset(text)
        fingerprint = dataset.pop("fingerprint", None)
        if fingerprint is not None:
            name = str(dataset.get("name"))
            if len(dataset) > 1:
                name = f"{name} {json.dumps(dataset, sort_keys=True)}"
            by_name[name][str(fingerprint)] += count
    return by_name


def _dataset(settings: str | None) -> dict[str, Any]:
    try:
        dataset = json.loads(settings or "{}")["task"]["dataset"]
    except (KeyError, TypeError, ValueError):
        return {}
    return dict(dataset) if isinstance(dataset, dict) else {}


def _damages(source: PageSource, rows: Sequence[Record]) -> list[str]:
    warnings = []
    mixed = sum(bool(row["mixed_parents"]) for row in rows)
    if mixed:
        warnings.append(
            f"{plural(mixed, 'cell')} used a parent that was trained twice with different results (marked !)."
        )
    if source.conflicts:
        records, verb = plural(source.conflicts, "record"), "differs" if source.conflicts == 1 else "differ"
        warnings.append(f"{records} in conflicts/ {verb} from what was published first; see `prunesweep verify`.")
    if source.unreadable:
        count = plural(len(source.unreadable), "file")
        warnings.append(
            f"{count} of the store cannot be read, so cells may seem missing: {'; '.join(source.unreadable)}."
        )
    return warnings


_COMMON = {"prunesweep_version": "made with prunesweep", "torch_version": "torch", "device": "device"}


def _facts(rows: Sequence[Record]) -> list[str]:
    """What all results have in common, and when they were made."""
    facts = []
    for column, words in _COMMON.items():
        values = _values(rows, column)
        if len(values) == 1:
            facts.append(f"{words} {values.pop()}")
    if not any(_values(rows, column) for column in _COMMON):
        facts.append("versions and machines are not recorded")
    hosts = _values(rows, "host")
    if len(hosts) > 1:
        facts.append(f"{len(hosts):,} hosts")
    replicates = sorted({row["replicate"] for row in rows if row["technique"] != DENSE})
    facts.append(f"replicates {replicates[0]} to {replicates[-1]}" if len(replicates) > 1 else "one replicate")
    times = [row["finished_at"] for row in rows if row.get("finished_at") is not None]
    if times:
        first, last = min(times).date(), max(times).date()
        facts.append(f"trained on {first}" if first == last else f"trained from {first} to {last}")
    return facts


def _values(rows: Sequence[Record], column: str) -> set[str]:
    return {str(row[column]) for row in rows if row.get(column) is not None}


def environments(rows: Sequence[Record]) -> DataTable | None:
    """Where results were made: a row for each combination of host, device and versions; null if none is known."""
    names = ["host", "device", "instruction_set", "threads", "ranks", "python_version", "torch_version"]
    names += ["prunesweep_version", "commit"]
    counts = Counter(
        tuple("–" if row[name] is None else str(row[name]) for name in names)
        for row in rows
        if row.get("host") is not None
    )
    if not counts:
        return None
    header = [*(name.replace("_", " ") for name in names), "cells"]
    return DataTable("Where results were made", header, [[*key, f"{count:,}"] for key, count in sorted(counts.items())])


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{value} ({count:,})" for value, count in counts.most_common(6)) + (
        f" and {len(counts) - 6} more" if len(counts) > 6 else ""
    )

"""Where the numbers come from, and how to cite them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator.planning.crossing import cross
from orchestrator.results.page.source import PageSource
from orchestrator.results.reference import citation
from orchestrator.sweep.spec import spec_from_dict
from workers.errors import PrunesweepError
from workers.store import Store


class SweepText(NamedTuple):
    """A sweep as it was resolved: its folder, a checksum of that, what each task was made from, and the YAML.

    `classes` has the names of the classes by data set, where classes are not only numbers.
    """

    folder: str
    checksum: str
    tasks: tuple[str, ...]
    classes: Mapping[str, str]
    yaml: str


def sweep_texts(source: PageSource) -> list[SweepText]:
    """The resolved sweeps of a store."""
    return [_sweep_text(source.store, folder, sweep) for folder, sweep in source.sweeps.items()]


def _sweep_text(store: Store | None, folder: str, sweep: Mapping[str, Any]) -> SweepText:
    import yaml

    spec = sweep.get("spec", {})
    checksum = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    tasks = tuple(
        "; ".join(f"{name}: {value}" for name, value in sorted(stated.items()) if value is not None)
        for _, stated in sorted(sweep.get("tasks", {}).items())
    )
    resolved = yaml.safe_dump(spec, sort_keys=True, allow_unicode=True)
    return SweepText(folder, checksum, tasks, _classes(store, spec), resolved)


def _classes(store: Store | None, spec: Mapping[str, Any]) -> dict[str, str]:
    """The names of the classes by data set; none if the facts of the sweep are damaged, which `verify` reports."""
    names: dict[str, str] = {}
    if store is None:
        return names
    with contextlib.suppress(PrunesweepError):
        for setting in cross(spec_from_dict(dict(spec))):
            facts = store.sweeps.facts(setting.question.key) or {}
            if classes := facts.get("dataset", {}).get("class_names"):
                names[setting.dataset.label] = ", ".join(classes)
    return names


def bibtex() -> str:
    """The paper, as BibTeX."""
    paper = citation()
    fields = {
        "title": paper.title,
        "author": " and ".join(paper.authors.split(", ")),
        "booktitle": "International Conference on Learning Representations (ICLR)",
        "year": paper.venue.rpartition(" ")[2],
        "url": paper.paper,
    }
    lines = [f"  {name:9} = {{{value}}}" for name, value in fields.items()]
    return "\n".join(["@inproceedings{renda2020comparing,", ",\n".join(lines), "}", ""])


GLOSSARY = (
    ("cell", "a point of the grid: technique × compression × budget × replicate, for one network and data set"),
    ("compression", "prunable weights before, divided by those after pruning"),
    ("budget", "retraining time of one round of pruning, in epochs or as a share of the dense training"),
    ("search cost", "all the retraining that leads to a cell, in epochs"),
    ("replicate", "an independent repetition, with its own dense network"),
    ("dense network", "the network before pruning"),
)

"""Checks of the metrics in a sweep file.

Classes of torchmetrics and of the user are imported only by workers: `workers.describe` says what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.sweep.checks.names import check_named
from orchestrator.sweep.plain_data import items_at
from orchestrator.sweep.problems import KeyPath, Problem
from workers.metrics import METRICS, TORCHMETRICS, short_name

_OF_ANY = ("label", "unit", "higher_is_better")


def check_metrics(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Unknown names and arguments, and metrics with the same label."""
    labels = set()
    for path, item in items_at(("metric",), data):
        named = item if isinstance(item, dict) else {"name": item}
        name = named.get("name")
        if isinstance(name, str) and name.startswith(TORCHMETRICS):
            yield from _check_class(path, name)
        else:
            plain = {key: value for key, value in named.items() if key not in _OF_ANY}
            yield from check_named(path, plain if isinstance(item, dict) else item, METRICS, "metric")
        if name in METRICS:
            yield from _check_known(path, named)
        if isinstance(name, str):
            label = named.get("label") or short_name(name)
            if label in labels:
                yield Problem(path, "has the name of another metric", "add a `label` to one of them")
            labels.add(label)


def _check_class(path: KeyPath, name: str) -> Iterator[Problem]:
    if not all(part.isidentifier() for part in name.split(".")):
        hint = f"write the name of a class, such as `{TORCHMETRICS}MatthewsCorrCoef`"
        yield Problem((*path, "name"), "is not a valid name of a class", hint)


def _check_known(path: KeyPath, named: Mapping[str, Any]) -> Iterator[Problem]:
    """What is known of a registered metric cannot be said again."""
    entry = METRICS[named["name"]]
    if "higher_is_better" in named:
        yield Problem((*path, "higher_is_better"), f"is known of `{named['name']}`", "remove it", at_key=True)
    if "unit" in named and entry.unit:
        hint = f"remove it: the unit is {entry.unit}"
        yield Problem((*path, "unit"), f"is known of `{named['name']}`", hint, at_key=True)

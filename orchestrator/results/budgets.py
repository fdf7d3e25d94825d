"""The budget of a cell that a table shows: a named one, or the one that a rule chooses for each cell.

best      the best median validation score (`best_budget`): the paper's protocol
longest   the longest that the cell has
single    a fixed protocol: the longest; for weight rewinding at most 90% of the dense training, because rewinding
          to its very start fails (the paper's comparison at a fixed budget)
50%, 90ep if no budget has this name, the nearest to that length, within one percent of the dense training
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from orchestrator.results.rows import Row
from orchestrator.results.statistics import group_by, summarize
from orchestrator.sweep.values import Duration
from workers.errors import InputError
from workers.registry import closest
from workers.techniques import TECHNIQUES

RULES = ("best", "longest", "single")
_LATEST_REWINDING = 0.9  # of the dense training
_NEAR = 0.01
_EXACT = 1e-6

Rank = Callable[[Row], tuple[float, ...] | None]
"""How good the budget of a row is, lower is better; None for one that cannot be chosen."""


def pick(rows: Sequence[Row], budget: str | None) -> tuple[list[Row], str | None]:
    """The rows with a budget, and its name. Dense rows are kept; `best` keeps all, to choose from on validation later.

    The default is `best`, unless there is only one budget. Raises InputError if no cell has the budget.
    """
    pruned = [row for row in rows if not row.is_dense]
    lengths = {row.budget: row.budget_epochs or 0.0 for row in pruned if row.budget is not None}
    names = sorted(lengths, key=lambda name: (lengths[name], name))
    if budget is None:
        budget = "best" if len(names) > 1 else next(iter(names), None)
    if budget is None or budget == "best":
        return list(rows), budget
    if budget in lengths:
        return [row for row in rows if row.is_dense or row.budget == budget], budget
    picked = _best_ranked(pruned, _rank(budget)) if budget in RULES or _is_duration(budget) else set()
    if not picked and budget not in RULES:
        choices = [*RULES, *names]
        hint = f"use one of {', '.join(choices)}" if _is_duration(budget) else closest(budget, choices)
        raise InputError(f"no cell has the budget `{budget}`", hint=hint)
    return [row for row in rows if row.is_dense or (_place(row), row.budget) in picked], budget


def best_budget(groups: Iterable[Sequence[Row]]) -> Sequence[Row] | None:
    """The group with the best median validation score, of groups that differ in their budget.

    Ties go to the shortest budget. Only groups whose replicates are all done are candidates; None without any.
    The paper's protocol: chosen on validation, reported on test.
    """
    candidates = []
    for rows in groups:
        median = summarize([row.validation_score for row in rows]).median
        if median is not None:
            candidates.append((rows[0].metric.gain(median), -_epochs(rows[0]), rows))
    return max(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None


def _place(row: Row) -> tuple[object, ...]:
    return row.section, row.technique, row.compression


def _best_ranked(rows: Sequence[Row], rank: Rank) -> set[tuple[tuple[object, ...], str | None]]:
    """The best budgets of each cell as (cell, budget)."""
    best = set()
    for place, members in group_by(rows, _place).items():
        ranks = {}
        for budget, group in group_by(members, attrgetter("budget")).items():
            ranked = [value for value in map(rank, group) if value is not None]
            if ranked:
                ranks[budget] = ranked[0]
        best |= {(place, budget) for budget, value in ranks.items() if value == min(ranks.values())}
    return best


def _rank(budget: str) -> Rank:
    if budget == "longest":
        return lambda row: (-_epochs(row),)
    if budget == "single":
        return _single
    duration = Duration.parse(budget)
    return lambda row: _distance(row, duration)


def _single(row: Row) -> tuple[float, ...] | None:
    technique = TECHNIQUES.get(row.technique)
    if technique is not None and technique.repeats_training:
        share = _share(row)
        if share is None or share > _LATEST_REWINDING + _EXACT:
            return None
    return (-_epochs(row),)


def _distance(row: Row, duration: Duration) -> tuple[float, ...] | None:
    share = _share(row)
    if share is None:
        return None
    whole = {"%": 100.0, "ep": row.dense_epochs, "it": row.dense_step}[duration.unit]
    assert whole is not None
    distance = abs(share - float(duration.value) / whole)
    return (round(distance, 9), _epochs(row)) if distance <= _NEAR + _EXACT else None


def _share(row: Row) -> float | None:
    """A budget as a share of the dense training; None for a dense network from elsewhere, or not yet trained."""
    return _epochs(row) / row.dense_epochs if row.dense_epochs else None


def _epochs(row: Row) -> float:
    assert row.budget_epochs is not None  # of a pruned network
    return row.budget_epochs


def _is_duration(text: str) -> bool:
    try:
        Duration.parse(text)
    except ValueError:
        return False
    return True

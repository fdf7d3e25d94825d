"""Which of the budgets of a cell a table shows: the one of a name, or the one that a rule picks for each cell.

best      the highest median validation accuracy (`statistics.best_budget`): the paper's protocol
longest   the longest that the cell has
single    one protocol with nothing to choose: the longest; for weight rewinding at most 90 % of the dense
          training, because rewinding to its very start fails (the paper's comparison at a fixed budget)
50%, 90ep where no budget is called so: the nearest to that length, within one percent of the dense training
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.results.statistics import SECTION, Row, group_by
from orchestrator.sweep.values import Duration
from workers.errors import InputError

RULES = ("best", "longest", "single")
_PLACE = (*SECTION, "technique", "compression")
_LATEST_REWINDING = 0.9  # of the dense training
_NEAR = 0.01
_EXACT = 1e-6

Rank = Callable[[Row], tuple[float, ...] | None]
"""How good a row's budget is, lower is better; None for one that does not come into question."""


def pick(rows: Sequence[Row], budget: str | None) -> tuple[list[Row], str | None]:
    """The pruned rows with the budget asked for, and its name; under `best` all, to be chosen from on validation.

    Without a budget it is `best`, unless there is only one. Raises InputError where no cell has it.
    """
    lengths = {row["budget"]: row["budget_epochs"] for row in rows if row["budget"] is not None}
    known = sorted(lengths, key=lambda label: (lengths[label], label))
    if budget is None:
        budget = "best" if len(known) > 1 else next(iter(known), None)
    if budget is None or budget == "best":
        return list(rows), budget
    if budget in lengths:
        return [row for row in rows if row["budget"] == budget], budget
    picked = _ranked(rows, _rank(budget)) if budget in RULES or _duration(budget) else []
    if not picked and budget not in RULES:
        raise InputError(f"no cell has the budget `{budget}`", hint=f"known are {', '.join([*RULES, *known])}")
    return picked, budget


def _ranked(rows: Sequence[Row], rank: Rank) -> list[Row]:
    """The rows of the best budget of each cell."""
    picked: list[Row] = []
    for members in group_by(rows, _PLACE).values():
        ranks = {}
        for label, group in group_by(members, ("budget",)).items():
            ranks[label] = next((found for row in group if (found := rank(row)) is not None), None)
        possible = [found for found in ranks.values() if found is not None]
        if possible:
            picked += [row for row in members if ranks[row["budget"],] == min(possible)]
    return picked


def _rank(budget: str) -> Rank:
    if budget == "longest":
        return lambda row: (-row["budget_epochs"],)
    if budget == "single":
        return _single
    duration = Duration.parse(budget)
    return lambda row: _distance(row, duration)


def _single(row: Row) -> tuple[float, ...] | None:
    if row["technique"] == "weight_rewinding":
        share = _share(row)
        if share is None or share > _LATEST_REWINDING + _EXACT:
            return None
    return (-row["budget_epochs"],)


def _distance(row: Row, duration: Duration) -> tuple[float, ...] | None:
    share = _share(row)
    if share is None:
        return None
    whole = {"%": 100.0, "ep": row["dense_epochs"], "it": row["dense_step"]}[duration.unit]
    distance = abs(share - float(duration.value) / whole)
    return (round(distance, 9), row["budget_epochs"]) if distance <= _NEAR + _EXACT else None


def _share(row: Row) -> float | None:
    """A budget as a share of the dense training; None where the dense network was not trained here, or not yet."""
    whole = row.get("dense_epochs")
    return row["budget_epochs"] / whole if whole else None


def _duration(text: str) -> bool:
    try:
        Duration.parse(text)
    except ValueError:
        return False
    return True

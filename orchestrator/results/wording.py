"""The words and numbers of a table, shared by all that show one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orchestrator.results.statistics import Summary
from orchestrator.results.table import ACCURACY, Section, Statistic, Table, TableCell


class Parts(NamedTuple):
    """A table cell as text: the number, its spread, what else to know, and signs that notes explain."""

    number: str
    spread: str = ""
    remark: str = ""
    signs: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in self if part)


def measure(table: Table) -> str:
    """What the numbers are: `Test accuracy, percent`."""
    metrics = " or ".join(dict.fromkeys(section.metric for section in table.sections)) or ACCURACY
    unit = {"accuracy": ", percent", "delta": ", points"}[table.value] if ACCURACY in metrics else ""
    if table.value == "accuracy":
        return f"{table.split.capitalize()} {metrics}{unit}"
    return f"Change of {table.split} {metrics} against the dense network{unit}"


def protocol(table: Table) -> str:
    """How the numbers came about: the statistic and the budget."""
    statistic = "median [min, max]" if table.statistic == "median" else "mean ± sample sd"
    return f"{statistic} of replicates{f'; {budget_rule(table.budget)}' if table.budget else ''}"


def budget_rule(budget: str) -> str:
    """Which budget is shown, as a phrase."""
    return _BUDGET_RULES.get(budget, f"budget {budget}")


_BUDGET_RULES = {
    "best": "budget chosen on validation",
    "longest": "the longest budget of each cell",
    "single": "the longest budget of each cell, for weight rewinding at most 90% of the dense training",
}


def caption(section: Section, table: Table) -> str:
    """The dense level, and what the cells have in common (`; cells: n = 3, budget 90%`)."""
    common = []
    if (n := _replicates(section)) is not None:
        common.append(f"n = {n}")
    if table.chosen and len(section.budgets) == 1:
        common.append(f"budget {section.budgets[0]}")
    return dense_level(section, table.statistic) + (f"; cells: {', '.join(common)}" if common else "")


def dense_level(section: Section, statistic: Statistic) -> str:
    """`Dense network: 91.73 [91.50, 91.90] percent, n = 3`."""
    dense = section.dense
    if not dense.complete:
        return f"Dense network: {dense.n}/{dense.n_expected} replicates done"
    number, spread = _statistic(dense, statistic, signed=False)
    return f"Dense network: {number}{' ' if spread else ''}{spread} {section.unit('accuracy')}, n = {dense.n}"


def _replicates(section: Section) -> int | None:
    """How many replicates each cell of a section has, if all have the same number."""
    counts = {cell.summary.n_expected for cell in section.cells.values()}
    return counts.pop() if len(counts) == 1 else None


def parts(cell: TableCell | None, section: Section, table: Table) -> Parts:
    """A cell as text; `–` where the grid has none, `2/3` where replicates are missing."""
    if cell is None:
        return Parts("–")
    if not cell.summary.complete:
        return Parts(f"{cell.summary.n}/{cell.summary.n_expected}")
    number, spread = _statistic(cell.summary, table.statistic, signed=table.value == "delta")
    remarks = [str(cell.budget)] if len(section.budgets) > 1 else []
    if _replicates(section) is None:
        remarks.append(f"n={cell.summary.n}")
    return Parts(number, spread, " ".join(remarks), signs(cell))


def signs(cell: TableCell) -> str:
    """What `sign_notes` explains, where it applies to a cell."""
    return cell.sign + "*" * cell.provisional + "!" * cell.mixed_parents


def notes(table: Table) -> list[str]:
    """What the signs in a table mean, those that occur."""
    cells = [cell for section in table.sections for cell in section.cells.values()]
    complete = [cell for cell in cells if cell.summary.complete]
    found = sign_notes(complete)
    if any("structure=filters" in section.pruning for section in table.sections):
        found.append(
            "filters: compression also counts what a removed filter leaves without input; masks alone leave more "
            "(`achieved_density`)"
        )
    if len(complete) < len(cells):
        found.append("2/3: replicates done of those expected; statistics need all of them")
    return found


def sign_notes(cells: Sequence[TableCell]) -> list[str]:
    """What the signs of cells mean, those that occur."""
    shared = sorted({cell.sign for cell in cells if cell.sign}, key=lambda sign: (len(sign), sign))
    found = []
    if shared:
        found.append(
            f"{' '.join(shared)} the same run as the cell with this sign at this compression: not independent evidence"
        )
    if any(cell.provisional for cell in cells):
        found.append("* chosen among the budgets that are complete; others are not yet")
    if any(cell.mixed_parents for cell in cells):
        found.append(
            "! a parent was trained twice and gave different bits; not all replicates stand on the published one"
        )
    return found


def compression_labels(compressions: Sequence[float]) -> list[str]:
    """`4×`, `9.31×`: two decimals, or as many as it takes to tell them apart."""
    for decimals in range(2, 12):
        labels = [_trimmed(compression, decimals) for compression in compressions]
        if len(set(labels)) == len(set(compressions)):
            break
    return [f"{label}×" for label in labels]


def _trimmed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _statistic(summary: Summary, statistic: Statistic, *, signed: bool) -> tuple[str, str]:
    """The number and its spread, as text; one value alone has no spread."""
    sign = "+z" if signed else "z"
    if statistic == "mean":
        return f"{summary.mean:{sign}.2f}", "" if summary.sd is None else f"± {summary.sd:.2f}"
    spread = f"[{summary.minimum:{sign}.2f}, {summary.maximum:{sign}.2f}]" if summary.n > 1 else ""
    return f"{summary.median:{sign}.2f}", spread

"""The words and numbers of sections and their cells, shared by tables, comparisons, headlines and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from orchestrator.results.grid import Section, TableCell
from orchestrator.results.intervals import CONFIDENCE, Interval, interval
from orchestrator.results.printing.sheets import Number
from orchestrator.results.statistics import ReplicateSummary, Split, Statistic, Value
from workers.metrics.facts import KNOWN_ACCURACY, MetricFacts

_BUDGET_RULES = {
    "best": "budget chosen on validation",
    "longest": "the longest budget of each cell",
    "single": "the longest budget of each cell, for weight rewinding at most 90% of the dense training",
}

_STATISTICS: dict[Statistic, str] = {
    "median": "median [min, max]",
    "mean": "mean ± sample sd",
    "ci": f"mean [{CONFIDENCE:.0%} confidence interval]",
}


def measure(sections: Sequence[Section], value: Value, split: Split) -> str:
    """What the numbers are: `Test accuracy, percent`."""
    unit = f"{units(sections, value)}{direction(sections)}"
    if value == "delta":
        return f"Change in {split} {titles(sections)} relative to the dense network{unit}"
    return f"{split.capitalize()} {titles(sections)}{unit}"


def titles(sections: Iterable[Section]) -> str:
    """The metrics of some grids: `accuracy or BLEU`; those of no grid are accuracy."""
    return names_of(_metrics(sections))


def names_of(metrics: Iterable[MetricFacts]) -> str:
    """`accuracy or BLEU`."""
    return " or ".join(dict.fromkeys(metric.title for metric in metrics))


def units(sections: Iterable[Section], value: Value) -> str:
    """`, percent`: the units of numbers in some grids, except for metrics that are units by themselves."""
    texts = {metric.unit_of_changes if value == "delta" else metric.shown_unit: None for metric in _metrics(sections)}
    names = {metric.title for metric in _metrics(sections)}
    shown = " or ".join(unit for unit in texts if unit not in names)
    return f", {shown}" if shown else ""


def axis_label(section: Section, value: Value, split: Split) -> str:
    """`change in test accuracy, points`; a metric that is its own unit is named once."""
    change = "change in " if value == "delta" else ""
    return f"{change}{split} {section.metric.title}{units([section], value)}{direction([section])}"


def direction(sections: Iterable[Section]) -> str:
    """`; lower is better`, unless higher scores are, as one expects."""
    return "; lower is better" if all(not metric.higher_is_better for metric in _metrics(sections)) else ""


def _metrics(sections: Iterable[Section]) -> list[MetricFacts]:
    return list(dict.fromkeys(section.metric for section in sections)) or [KNOWN_ACCURACY]


def protocol(statistic: Statistic, budget: str | None, *, compact: bool = False) -> str:
    """How the numbers were made: the statistic and the budget."""
    return f"{statistic_name(statistic, compact=compact)} of replicates{f'; {budget_rule(budget)}' if budget else ''}"


def statistic_name(statistic: Statistic, *, compact: bool = False) -> str:
    """What a number is, and without `compact` also its spread: `median [min, max]`."""
    name = _STATISTICS[statistic]
    return name.split(" ")[0] if compact else name


def best_rule(sections: Iterable[Section], statistic: Statistic, *, splits_budgets: bool = False) -> str:
    """Which cells are marked as the best."""
    where = "at a compression and a budget" if splits_budgets else "at a compression"
    best = f"the {best_word(sections)} {statistic_name(statistic, compact=True)} {where}"
    if statistic == "ci":
        return f"{best}, and each one whose difference from it has an interval that includes 0"
    return best


def best_word(sections: Iterable[Section]) -> str:
    """`highest` or `lowest`; `best` for grids of both directions."""
    return best_of(_metrics(sections))


def best_of(metrics: Iterable[MetricFacts]) -> str:
    """`highest` or `lowest`; `best` for metrics of both directions."""
    words = {metric.best for metric in metrics}
    return words.pop() if len(words) == 1 else "best"


def budget_rule(budget: str) -> str:
    """Which budget is shown, as a phrase."""
    return _BUDGET_RULES.get(budget, f"budget {budget}")


def optimism(split: Split, budget: str | None) -> list[str]:
    """A warning where scores are of the examples that chose the budget."""
    if split == "validation" and budget == "best":
        return ["Budgets were chosen on these same examples, so that their scores are optimistic."]
    return []


def dense_accuracy(section: Section, statistic: Statistic, *, compact: bool = False) -> str:
    """`Dense network: 91.73 [91.50, 91.90] percent, n = 3`."""
    dense = section.dense
    if not dense.complete:
        return f"Dense network: {dense.n}/{dense.n_expected} replicates done"
    decimals = section.decimals
    middle, spread = statistic_in_words(dense, section.dense_values, statistic, decimals, signed=False)
    shown = f"{middle} {spread}" if spread and not compact else middle
    return f"Dense network: {shown} {section.unit('score')}, n = {dense.n}"


def replicates(section: Section) -> int | None:
    """How many replicates each cell of a section has, if all have the same number."""
    counts = {cell.summary.n_expected for cell in section.cells.values()}
    return counts.pop() if len(counts) == 1 else None


def number(
    cell: TableCell | None, section: Section, value: Value, statistic: Statistic, *, compact: bool = False
) -> Number:
    """A cell as text: `–` where the grid does not have it, `2/3` where replicates are missing."""
    if cell is None:
        return Number("–")
    if not cell.summary.complete:
        return Number(f"{cell.summary.n}/{cell.summary.n_expected}")
    signed = value == "delta"
    shown, spread = statistic_in_words(cell.summary, cell.values, statistic, section.decimals, signed=signed)
    if compact:
        return Number(shown, signs=signs(cell), best=cell.best)
    remarks = [str(cell.budget)] if len(section.budgets) > 1 else []
    if replicates(section) is None:
        remarks.append(f"n={cell.summary.n}")
    return Number(shown, spread, " ".join(remarks), signs(cell), cell.best)


def signs(cell: TableCell) -> str:
    """The signs of a cell, which `sign_notes` explains."""
    provisional = "*" if cell.provisional else ""
    mixed = "!" if cell.mixed_parents else ""
    return cell.sign + provisional + mixed


def notes(sections: Sequence[Section]) -> list[str]:
    """What the signs and counts that occur in a table mean."""
    cells = [cell for section in sections for cell in section.cells.values()]
    complete = [cell for cell in cells if cell.summary.complete]
    texts = sign_notes(complete)
    if any("structure=filters" in section.pruning for section in sections):
        texts.append(
            "filters: compression also counts the weights that a removed filter leaves without input; the masks alone "
            "keep more weights (`achieved_density`)"
        )
    if len(complete) < len(cells):
        texts.append("2/3: replicates done of those expected; numbers appear when all replicates are done")
    return texts


def choice_notes(cells: Iterable[TableCell]) -> list[str]:
    """What a figure says where validation could not choose among all budgets."""
    if not any(cell.provisional for cell in cells):
        return []
    return ["Where a budget has missing or failed replicates, validation chose among the others."]


def sign_notes(cells: Sequence[TableCell]) -> list[str]:
    """What the signs that occur in cells mean."""
    shared = sorted({cell.sign for cell in cells if cell.sign}, key=lambda sign: (len(sign), sign))
    texts = []
    if shared:
        texts.append(f"{' '.join(shared)} the same run as the other cell with this sign: not independent evidence")
    if any(cell.provisional for cell in cells):
        texts.append("* chosen among the budgets that are complete; others have missing or failed replicates")
    if any(cell.mixed_parents for cell in cells):
        texts.append(
            "! a parent trial was trained twice with different results; some replicates use the unpublished one"
        )
    return texts


def compression_labels(compressions: Sequence[float]) -> list[str]:
    """`4×`, `9.31×`: two decimals, or as many as it takes to tell the compressions apart."""
    for decimals in range(2, 12):
        labels = [_trimmed(compression, decimals) for compression in compressions]
        if len(set(labels)) == len(set(compressions)):
            break
    return [f"{label}×" for label in labels]


def labels_of(section: Section) -> dict[float, str]:
    """The labels of a section's compressions."""
    return dict(zip(section.compressions, compression_labels(section.compressions), strict=True))


def _trimmed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def statistic_in_words(
    summary: ReplicateSummary, values: Sequence[float], statistic: Statistic, decimals: int, *, signed: bool
) -> tuple[str, str]:
    """The number and its spread as text; a single value does not have a spread."""
    form = f"{'+z' if signed else 'z'}.{decimals}f"
    if statistic == "ci":
        return interval_in_words(interval(values), values, decimals, signed=signed)
    if statistic == "mean":
        return f"{summary.mean:{form}}", "" if summary.sd is None else f"± {summary.sd:.{decimals}f}"
    spread = f"[{summary.minimum:{form}}, {summary.maximum:{form}}]" if summary.n > 1 else ""
    return f"{summary.median:{form}}", spread


def interval_in_words(interval: Interval, values: Sequence[float], decimals: int, *, signed: bool) -> tuple[str, str]:
    """The mean and `[low, high]`, to two digits of half the interval; without an interval, the values themselves.

    Numbers have at most `decimals`.
    """
    sign = "+z" if signed else "z"
    if interval.low is None or interval.high is None:
        return ", ".join(f"{value:{sign}.{decimals}f}" for value in values), ""
    decimals = decimals_of(interval.half_width, decimals)
    low, middle, high = (f"{number:{sign}.{decimals}f}" for number in (interval.low, interval.middle, interval.high))
    return middle, f"[{low}, {high}]"


def decimals_of(uncertainty: float | None, most: int) -> int:
    """How many decimals show two digits of an uncertainty: 2 for 0.63, 1 for 5.3, 0 for 12."""
    if not uncertainty:
        return most
    return min(most, max(0, 1 - math.floor(math.log10(uncertainty))))

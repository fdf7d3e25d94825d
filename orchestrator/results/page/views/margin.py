"""Which budgets cost nothing at each compression, within a margin, as a heat map of numbers.

The safe zone of the paper is something else: a range of budgets (`figures.points.SAFE_ZONE`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from orchestrator.results.intervals import Interval
from orchestrator.results.page.grids import Grid, Group, Place
from orchestrator.results.page.tables import DataTable, MarkedCell, signed
from orchestrator.results.page.views.batch import independent_intervals, intervals
from orchestrator.results.page.views.view import View
from orchestrator.results.wording import labels_of

STEPS = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Where the colors change, in points worse or better than the best choice."""


def margin_view(grid: Grid) -> View:
    """One heat map for each technique: budgets × compressions."""
    title = "Within the margin of the best choice"
    margin, name = grid.dense_sd, grid.metric.title
    best = {compression: best_choice(grid, compression) for compression in grid.section.compressions}
    compared = _compared(grid, best)
    reading = (
        f"Each number is the mean test {name} of a technique at a budget minus that of the best choice at the same "
        f"compression, in {grid.unit}. The best choice, marked ★, is the technique and budget with the "
        f"{grid.metric.best} median validation {name}; {_pairing(grid)}. "
    )
    if margin is None:
        reading += "The margin is unknown, because there are fewer than two dense networks."
    else:
        reading += (
            f"A solid outline means within the margin: the whole 95% interval lies {_side(grid)}ε. A dashed outline "
            f"means that the mean does, but not the whole interval. ε = {margin:.{grid.decimals}f} {grid.unit}, the "
            "standard deviation of the dense networks."
        )
    if not compared:
        return View(title, reading, missing="No compression has a technique with all replicates done.")
    stars = [(group.technique, group.compression, group.budget) for group in best.values() if group is not None]
    tables = [_table(grid, technique, compared, stars, margin) for technique in grid.section.techniques]
    return View(title, reading, shown=tables, legend=_legend(grid))


def _side(grid: Grid) -> str:
    return "above −" if grid.metric.higher_is_better else "below "


def _pairing(grid: Grid) -> str:
    if grid.paired:
        return "differences are paired by replicate"
    return "replicates are compared as independent samples, because their dense networks are unknown"


def _compared(grid: Grid, best: Mapping[float, Group | None]) -> dict[Place, Interval]:
    """The mean difference of every complete group from the best of its column, with its interval."""
    pairs: list[tuple[Group, Group]] = []
    for group in grid.groups.values():
        rival = best[group.compression]
        if group.complete and rival is not None:
            pairs.append((group, rival))
    places = [(group.technique, group.compression, group.budget) for group, _ in pairs]
    compared = zip(places, differences(grid, pairs), strict=True)
    return {place: difference for place, difference in compared if difference is not None}


def best_choice(grid: Grid, compression: float) -> Group | None:
    """The technique and budget with the best median validation score, the first and shortest of equal ones."""
    candidates = [group for group in grid.column(compression) if group.complete]
    return max(candidates, key=lambda group: grid.metric.gain(_validation(group)), default=None)


def _validation(group: Group) -> float:
    values = sorted(row["validation_score"] for row in group.rows)
    return float((values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2)


def differences(grid: Grid, pairs: Sequence[tuple[Group, Group]]) -> list[Interval | None]:
    """The mean score of each first group minus that of its second: paired by replicate where that is possible."""
    scores = [(_scores(group), _scores(best)) for group, best in pairs]
    if not grid.paired:
        return independent_intervals(scores)
    samples = []
    for ours, theirs in scores:
        common = [replicate for replicate in ours if replicate in theirs]
        samples.append([ours[replicate] - theirs[replicate] for replicate in common])
    return intervals(samples)


def _scores(group: Group) -> dict[int, float]:
    """Scores by replicate, of those that are done."""
    pairs = zip(group.rows, group.scores, strict=True)
    return {row["replicate"]: score for row, score in pairs if score is not None}


def _table(
    grid: Grid, technique: str, compared: Mapping[Place, Interval], stars: Collection[Place], margin: float | None
) -> DataTable:
    labels = labels_of(grid.section)
    rows: list[list[str | MarkedCell]] = []
    for budget in reversed(grid.budgets(technique)):
        places = [(technique, compression, budget) for compression in grid.section.compressions]
        cells = [_cell(grid, grid.groups.get(place), compared.get(place), place in stars, margin) for place in places]
        rows.append([budget, *cells])
    return DataTable(f"{technique}: budget × compression", ["budget", *labels.values()], rows)


def _cell(
    grid: Grid, group: Group | None, difference: Interval | None, is_best: bool, margin: float | None
) -> MarkedCell:
    if group is None:
        return MarkedCell("", "")
    if difference is None:
        return MarkedCell(f"{group.score.n}/{group.score.n_expected}", "gap")
    metric = grid.metric
    kind = color(metric.gain(difference.middle) / grid.section.point)
    worst = difference.low if metric.higher_is_better else difference.high
    if margin is not None and worst is not None and metric.gain(worst) > -margin:
        kind += " within"
    elif margin is not None and metric.gain(difference.middle) > -margin:
        kind += " near"
    return MarkedCell(f"{signed(difference.middle, grid.decimals)}{'★' if is_best else ''}", kind)


def color(gain: float) -> str:
    """`m5` (far worse) to `m1`, `z`, `p1` to `p5` (far better): the class of a gain in points, by fixed limits."""
    level = sum(abs(gain) >= step for step in STEPS)
    if level == 0:
        return "z"
    return f"{'m' if gain < 0 else 'p'}{level}"


def _legend(grid: Grid) -> list[tuple[str, str]]:
    limits = [_limit(grid, step) for step in STEPS]
    negative, positive = [f"≤ −{limit}" for limit in limits], [f"≥ +{limit}" for limit in limits]
    worse, better = (negative, positive) if grid.metric.higher_is_better else (positive, negative)
    below = [(f"m{level}", text) for level, text in enumerate(worse, 1)]
    above = [(f"p{level}", text) for level, text in enumerate(better, 1)]
    return [*reversed(below), ("z", f"within {limits[0]}"), *above, ("gap", "replicates missing")]


def _limit(grid: Grid, step: float) -> str:
    return f"{step * grid.section.point:.3g}"

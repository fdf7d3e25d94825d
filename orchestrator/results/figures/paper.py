"""The figures of the paper, for each grid: accuracy curves, accuracy against retraining time, safety and dominance.

Renda, Frankle and Carbin (ICLR 2020) draw them for each network, structure and pruning schedule. Two things differ: the
dense level is the median of the dense networks (theirs: the mean), and every technique of a grid is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.results.figures.accuracy import accuracy_vs_compression
from orchestrator.results.figures.chart import Chart
from orchestrator.results.figures.cost import budget_curves
from orchestrator.results.figures.points import evenly, read_grids
from orchestrator.results.figures.safe_zone import safe_zone
from orchestrator.results.grid import Section, differing
from orchestrator.results.load import Results, as_arrow
from orchestrator.results.statistics import SECTION, Split
from workers.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_COMPRESSIONS = 12  # panels of accuracy against retraining time
_LONGEST_NAME = 80  # characters of a part of a file's name


class NamedFigure(NamedTuple):
    """A figure and the name of its files: `safety_resnet20_one_shot`."""

    name: str
    chart: Chart


class SkippedFigure(NamedTuple):
    """A figure that results do not have, and why."""

    name: str
    error: InputError


def paper_figures(
    results: Results, *, split: Split = "test", filters: Mapping[str, Any] | str | None = None
) -> Iterator[NamedFigure | SkippedFigure]:
    """Draw the paper's figures of each grid, one after the other.

    Budgets of the accuracy curves are chosen on validation, as in the paper. Arguments and errors are those of `table`.
    """
    rows = as_arrow(results)
    shown: dict[str, Any] = {"split": split, "filters": filters}
    grids = read_grids(rows, "delta", split, filters)
    names = _names([grid.section for grid in grids])
    for grid, name in zip(grids, names, strict=True):
        part = rows.filter(_is_in(rows, grid.section))
        compressions = evenly(grid.section.compressions, _MOST_COMPRESSIONS)
        kinds: dict[str, Callable[[], Chart]] = {
            grid.section.metric.name: partial(accuracy_vs_compression, part, budget="best", value="delta", **shown),
            "retraining_time": partial(
                budget_curves, part, compressions=compressions, value="delta", cut=True, **shown
            ),
            "safety": partial(safe_zone, part, mode="safety", **shown),
            "dominance": partial(safe_zone, part, mode="dominance", **shown),
        }
        for kind, draw in kinds.items():
            yield attempt(f"{kind}_{name}", draw)


def attempt(name: str, draw: Callable[[], Chart]) -> NamedFigure | SkippedFigure:
    """Draw a figure, unless the results do not have it."""
    try:
        return NamedFigure(name, draw())
    except InputError as error:
        return SkippedFigure(name, error)


def _is_in(rows: pa.Table, section: Section) -> pa.Array:
    """Which rows are in a section; those of dense networks are in all sections of their task."""
    import pyarrow as pa

    task = section.place | {"pruning": "none", "schedule": "dense"}
    places = {tuple(section.place.values()), tuple(task.values())}
    columns = (rows.column(name).to_pylist() for name in SECTION)
    return pa.array([place in places for place in zip(*columns, strict=True)], pa.bool_())


def _names(sections: list[Section]) -> list[str]:
    """The network, the schedule and what else differs between sections, as a part of a file's name; each is unique."""
    columns = {"network", "schedule"} | differing(sections)
    names: list[str] = []
    for section in sections:
        words = " ".join(re.sub(r"\w+=", "", text) for column, text in section.place.items() if column in columns)
        name = re.sub(r"\W+", "_", words.lower()).strip("_")[:_LONGEST_NAME]
        names.append(f"{name}_{names.count(name) + 1}" if name in names else name)
    return names

"""Accuracy against compression: a line for each technique, a panel for each grid and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orchestrator.results.figures.chart import Chart, ColumnCount
from orchestrator.results.figures.line_chart import LineChart, LinePanel, draw
from orchestrator.results.figures.lines import Line, Point, level
from orchestrator.results.grid import Section, differing
from orchestrator.results.intervals import CONFIDENCE
from orchestrator.results.load import Results, as_arrow
from orchestrator.results.statistics import Split, Statistic, Value
from orchestrator.results.table import Table, table
from orchestrator.results.wording import axis_label, budget_rule, choice_notes, measure, statistic_name
from workers.errors import InputError

_X_LABEL = "compression ratio, density"


class _Shown(NamedTuple):
    """A section, and the table that it is from."""

    table: Table
    section: Section


def accuracy_vs_compression(
    results: Results,
    *,
    budget: str | Sequence[str] | None = None,
    value: Value = "score",
    statistic: Statistic = "median",
    split: Split = "test",
    filters: Mapping[str, Any] | str | None = None,
    columns: ColumnCount | None = None,
    caption: bool = True,
) -> Chart:
    """Accuracy against compression: a line with its band for each technique, every replicate, and the dense networks.

    One panel for each section of `table`, and for each budget where several are given; arguments are those of
    `table`; `statistic` is what lines and bands are. A cell with missing replicates has only hollow dots; a single
    replicate has no band. `columns` is how many
    columns of a page the figure takes, 1 or 2, and `caption` whether its caption is drawn, too.
    Raises InputError as `table` does, and if there is nothing to draw.
    """
    budgets = [budget] if budget is None or isinstance(budget, str) else budget
    rows = as_arrow(results)
    tables = [
        table(rows, value=value, budget=name, statistic=statistic, split=split, filters=filters) for name in budgets
    ]
    shown = [_Shown(one, section) for one in tables for section in one.sections if section.cells]
    if not shown:
        raise InputError("no pruned network to draw", hint="`prunesweep status` shows how far sweeps are")
    return draw(
        LineChart(
            title=measure(tables[0].sections, value, split),
            caption=_caption(shown),
            x_label=_X_LABEL,
            kind="compression",
            panels=[_panel(panel, shown) for panel in shown],
            same_y=len({(panel.section.dataset, panel.section.network) for panel in shown}) == 1,
        ),
        columns,
        caption=caption,
    )


def _panel(shown: _Shown, panels: Sequence[_Shown]) -> LinePanel:
    section, value, statistic = shown.section, shown.table.value, shown.table.statistic
    return LinePanel(
        title=_title(shown, panels),
        y_label=axis_label(section, value, shown.table.split),
        lines=_lines(section, statistic),
        dense=level(section, value, statistic),
        higher_is_better=section.metric.higher_is_better,
    )


def _lines(section: Section, statistic: Statistic) -> list[Line]:
    points: dict[str, list[Point]] = {technique: [] for technique in section.techniques}
    for (technique, compression), cell in section.cells.items():
        points[technique].append(Point.of(compression, cell.summary, cell.values, statistic))
    return [Line(technique, points) for technique, points in points.items()]


def place_title(section: Section, sections: Sequence[Section], *, schedule: bool = True) -> str:
    """Data set, network and, if wanted, the pruning schedule, and whatever else differs between sections."""
    columns = {"dataset", "network", "schedule"} | differing(sections)
    columns -= set() if schedule else {"schedule"}
    place = section.place | {"schedule": section.schedule.replace("_", "-")}
    return " · ".join(text for name, text in place.items() if name in columns)


def _title(shown: _Shown, panels: Sequence[_Shown]) -> str:
    title = place_title(shown.section, [panel.section for panel in panels])
    several = len({panel.table.budget for panel in panels}) > 1
    return f"{title} · {_budget(shown.table)}" if several else title


def _budget(shown: Table) -> str:
    return budget_rule(str(shown.budget))


_BANDS: dict[Statistic, str] = {
    "median": "min to max",
    "mean": "± sample standard deviation",
    "ci": f"{CONFIDENCE:.0%} confidence interval of the mean",
}


def replicates_shown(counts: Sequence[int], statistic: Statistic) -> str:
    """What lines, bands and dots are, for the numbers of replicates that occur."""
    if max(counts) == 1:
        return "one replicate (n = 1)"
    n = str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    middle = statistic_name(statistic, compact=True)
    return f"{middle} of n = {n} replicates; bands: {_BANDS[statistic]}; dots: replicates"


def dense_shown(statistic: Statistic) -> str:
    """What the gray line and its band are."""
    return f"Gray: the dense networks, {statistic_name(statistic, compact=True)} and {_BANDS[statistic]}."


def _caption(panels: Sequence[_Shown]) -> str:
    cells = [cell for panel in panels for cell in panel.section.cells.values()]
    statistic = panels[0].table.statistic
    lines = replicates_shown([cell.summary.n_expected for cell in cells], statistic)
    budgets = dict.fromkeys(_budget(panel.table) for panel in panels)
    sentences = [
        f"Lines: {lines}; {panels[0].table.split} split; {', '.join(budgets)}.",
        dense_shown(statistic),
    ]
    if any(not cell.summary.complete for cell in cells):
        sentences.append("Hollow dots: replicates are missing.")
    sentences += choice_notes(cells)
    if any(cell.sign for cell in cells):
        sentences.append("Lines that coincide may be the same runs; the table marks those.")
    return " ".join(sentences)

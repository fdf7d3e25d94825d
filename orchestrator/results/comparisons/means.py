"""Means of the changes of two sides, and how far apart they are (see `orchestrator.results.intervals`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator.results.comparisons.comparison import ComparedCell, Side
from orchestrator.results.grid import Section, TableCell
from orchestrator.results.intervals import Interval, independent_difference
from orchestrator.results.rows import Filters
from orchestrator.results.statistics import Split, Statistic
from orchestrator.results.wording import interval_in_words, statistic_in_words


class Means(NamedTuple):
    """The cells of each side as differences from their own dense networks, by title of the grid."""

    statistic: Statistic
    ours: Mapping[str, Section]
    theirs: Mapping[str, Section]

    @classmethod
    def read(
        cls, ours: Side, theirs: Side, budget: str, filters: Filters | None, statistic: Statistic, split: Split
    ) -> Means:
        """The changes of two sides. Raises InputError as `table` does."""
        sides = (side.sections(budget, filters, "delta", split) for side in (ours, theirs))
        our_grids, their_grids = ({section.title: section for section in sections} for sections in sides)
        return cls(statistic, our_grids, their_grids)

    def of(self, cell: ComparedCell, ours: Section, theirs: Section) -> ComparedMeans:
        """The changes of a cell of two grids."""
        decimals = ours.decimals
        places = ((cell.ours, self.ours[ours.title]), (cell.theirs, self.theirs[theirs.title]))
        return ComparedMeans(
            self.statistic, decimals, *(grid.cells[one.technique, one.compression] for one, grid in places)
        )


class ComparedMeans(NamedTuple):
    """The changes of a cell that is complete on both sides."""

    statistic: Statistic
    decimals: int
    ours: TableCell
    theirs: TableCell

    @property
    def difference(self) -> Interval:
        """Ours minus theirs; the replicates of two sides are not pairs."""
        return independent_difference(self.ours.values, self.theirs.values)

    def in_words(self) -> list[tuple[str, str]]:
        """Ours, theirs and their difference as texts, each with its spread."""
        sides = [
            statistic_in_words(cell.summary, cell.values, self.statistic, self.decimals, signed=True)
            for cell in (self.ours, self.theirs)
        ]
        interval = self.difference
        middle = f"{interval.middle:+z.{self.decimals}f}"
        if self.statistic == "ci" and interval.low is not None:
            return [*sides, interval_in_words(interval, (), self.decimals, signed=True)]
        return [*sides, (middle, "")]

    def columns(self) -> dict[str, Any]:
        """The numbers of the cell in full precision."""
        columns: dict[str, Any] = {}
        for side, cell in (("ours", self.ours), ("theirs", self.theirs)):
            columns |= {f"{side}_mean": cell.summary.mean, f"{side}_sd": cell.summary.sd}
            if self.statistic == "ci":
                columns |= _bounds(side, cell)
        interval = self.difference
        columns["mean_difference"] = interval.middle
        if self.statistic == "ci":
            columns |= {"mean_difference_ci_low": interval.low, "mean_difference_ci_high": interval.high}
            columns["mean_difference_ci_method"] = interval.method
        return columns


def _bounds(side: str, cell: TableCell) -> dict[str, Any]:
    interval = cell.interval
    shown = (interval.low, interval.high, interval.method) if interval else (None, None, None)
    return dict(zip((f"{side}_ci_low", f"{side}_ci_high", f"{side}_ci_method"), shown, strict=True))


def column_names(statistic: Statistic) -> list[str]:
    """The names of `ComparedMeans.columns`."""
    intervals = ("_ci_low", "_ci_high", "_ci_method") if statistic == "ci" else ()
    sides = [f"{side}{name}" for side in ("ours", "theirs") for name in ("_mean", "_sd", *intervals)]
    return [*sides, *(f"mean_difference{name}" for name in ("", *intervals))]

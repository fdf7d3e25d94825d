"""Two results next to each other, cell by cell: two stores, or a store and the published study."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results.comparisons.comparison import Change, ComparedCell, ComparedSection, Side, compared_sections
from orchestrator.results.comparisons.matching import same_named_data
from orchestrator.results.comparisons.means import Means, column_names
from orchestrator.results.comparisons.rows import cell_row, pair_rows
from orchestrator.results.grid import Section, TableCell
from orchestrator.results.printing.printable import Printable
from orchestrator.results.printing.sheets import Number, Printout, Sheet
from orchestrator.results.rows import Filters
from orchestrator.results.statistics import Split, Statistic
from orchestrator.results.wording import (
    budget_rule,
    compression_labels,
    dense_accuracy,
    direction,
    labels_of,
    optimism,
    sign_notes,
    signs,
    statistic_name,
    titles,
    units,
)
from workers.errors import InputError
from workers.text import plural

_HEADER = ("technique", "compression", "ours", "theirs", "ours − theirs", "inside")
_MUCH_SHORTER = 0.99


@dataclass(frozen=True, slots=True)
class Comparison(Printable):
    """What `compare` returns. Prints as text; `unmatched_*` are grids that only one side has."""

    ours: Side
    theirs: Side
    budget: str
    sections: tuple[ComparedSection, ...]
    unmatched_ours: tuple[Section, ...]
    unmatched_theirs: tuple[Section, ...]
    means: Means | None = None
    split: Split = "test"

    @property
    def statistic(self) -> Statistic:
        return self.means.statistic if self.means else "median"

    @property
    def unreadable(self) -> dict[str, str]:
        """Files of either store that could not be read (where: reason)."""
        sides = (self.ours, self.theirs)
        return {
            f"{side.name}: {path}": f"{side.name}: {why}" for side in sides for path, why in side.unreadable.items()
        }

    def printed(self, *, compact: bool = False) -> Printout:
        grids = [section.ours for section in self.sections]
        unit = f"{units(grids, 'delta')}{direction(grids)}"
        return Printout(
            heading=f"Change in {self.split} {titles(grids)} relative to the dense networks{unit}: ours and theirs",
            protocol=self._protocol(compact),
            sheets=[_sheet(pair, self.means, compact) for pair in self.sections],
            notes=self._notes(),
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {"ours": self.ours.name, "theirs": self.theirs.name, "statistic": self.statistic} | {
            "split": self.split,
            "budget": self.budget,
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each cell of each pair of grids, and of grids that only one side has.

        `status` is `compared`, `unfinished`, `only_ours` or `only_theirs`.
        """
        rows = [row for pair in self.sections for row in pair_rows(pair, self.means)]
        for section in self.unmatched_ours:
            rows += [cell_row(section, "only_ours", cell, None) for cell in section.cells.values()]
        for section in self.unmatched_theirs:
            rows += [cell_row(section, "only_theirs", None, cell) for cell in section.cells.values()]
        if self.means:
            nothing = dict.fromkeys(column_names(self.means.statistic))
            rows = [nothing | row for row in rows]
        return rows

    def _protocol(self, compact: bool) -> list[str]:
        published = f" ({self.theirs.published})" if self.theirs.published else ""
        origin = (
            "the dense network of the same replicate" if self.means else "the median of the same side's dense networks"
        )
        return [
            f"{statistic_name(self.statistic, compact=compact)} of replicates, minus {origin}; "
            + budget_rule(self.budget),
            f"ours: {self.ours.name}",
            f"theirs: {self.theirs.name}{published}",
            "inside: our median is within their [min, max], widened by the standard deviation of their dense networks",
        ]

    def _notes(self) -> list[str]:
        """How many cells are inside, what signs mean, and the grids that only one side has."""
        cells = [cell for pair in self.sections for cell in pair.cells]
        inside = sum(cell.inside for cell in cells)
        notes = [f"Inside: {inside} of {plural(len(cells), 'cell')} compared."]
        notes += sign_notes([cell for both in cells for cell in (both.ours, both.theirs)])
        for side, sections in (("ours", self.unmatched_ours), ("theirs", self.unmatched_theirs)):
            if sections:
                count = sum(len(section.cells) for section in sections)
                grids = "; ".join(f"{_grid_name(section)} ({len(section.cells)})" for section in sections)
                notes.append(f"Grids only in {side}, {plural(count, 'cell')}: {grids}")
        return notes + optimism(self.split, self.budget)


def compare(
    ours: Side,
    theirs: Side,
    *,
    budget: str = "best",
    statistic: Statistic = "median",
    split: Split = "test",
    filters: Filters | None = None,
) -> Comparison:
    """Match the cells of two results (see `matching`), each relative to the dense networks of its side.

    The published study is always `theirs`, in whichever order the two are given. `budget`, `statistic`,
    `split` and `filters` are those of `table` and apply to both sides. Raises InputError as `table` does, and if
    the two have no cell in common.
    """
    if ours.published and not theirs.published:
        ours, theirs = theirs, ours
    our_sections, their_sections = (side.sections(budget, filters, split=split) for side in (ours, theirs))
    pairs = compared_sections(ours, theirs, our_sections, their_sections)
    if not pairs:
        raise InputError(
            f"`{ours.name}` and `{theirs.name}` have no cell in common\n\n"
            f"`{ours.name}` has\n{_contents(our_sections)}\n`{theirs.name}` has\n{_contents(their_sections)}",
            hint="cells match by network, metric, pruning, schedule, technique and compression (within 0.1%), and by "
            "the name of their data",
        )
    return Comparison(
        ours=ours,
        theirs=theirs,
        budget=budget,
        sections=tuple(pairs),
        unmatched_ours=_without(our_sections, [pair.ours for pair in pairs]),
        unmatched_theirs=_without(their_sections, [pair.theirs for pair in pairs]),
        means=None if statistic == "median" else Means.read(ours, theirs, budget, filters, statistic, split),
        split=split,
    )


def _without(sections: Sequence[Section], matched: Sequence[Section]) -> tuple[Section, ...]:
    titles = {section.title for section in matched}
    return tuple(section for section in sections if section.title not in titles)


def _contents(sections: Iterable[Section]) -> str:
    """What one side has, one line for each grid."""
    lines = [
        f"  {section.title} · {section.metric.title}: {', '.join(section.techniques)} at "
        + " ".join(compression_labels(section.compressions))
        for section in sections
    ]
    return "\n".join(lines) or "  no pruned networks"


def _sheet(pair: ComparedSection, means: Means | None, compact: bool) -> Sheet:
    """One grid: the cells that are complete on both sides, and remarks about the others."""
    counts = {(cell.our_change.n, cell.their_change.n) for cell in pair.cells}
    labels = labels_of(pair.ours)
    same = "; cells: n = {} and {}".format(*next(iter(counts))) if len(counts) == 1 else ""
    ours, theirs = pair.ours, pair.theirs
    statistic = means.statistic if means else "median"
    our_dense, their_dense = (_lower(dense_accuracy(grid, statistic, compact=compact)) for grid in (ours, theirs))
    return Sheet(
        title=_grid_name(ours),
        captions=[
            f"ours ({ours.dataset}, recipe {ours.recipe}): {our_dense}",
            f"theirs ({theirs.dataset}, recipe {theirs.recipe}): {their_dense}{_deviation(theirs)}{same}",
        ],
        header=_HEADER,
        lines=[
            [cell.ours.technique, Number(labels[cell.ours.compression]), *numbers, "yes" if cell.inside else "no"]
            for cell, numbers in ((cell, _numbers(cell, pair, means, len(counts) > 1, compact)) for cell in pair.cells)
        ],
        remarks=_remarks(pair),
        keys=2,
    )


def _numbers(
    cell: ComparedCell, pair: ComparedSection, means: Means | None, with_counts: bool, compact: bool
) -> list[Number]:
    """Ours, theirs and their difference."""
    texts = means.of(cell, pair.ours, pair.theirs).in_words() if means else _medians(cell, pair.ours.decimals)
    counts = (cell.our_change.n, cell.their_change.n)
    remarks = [
        f"{side.budget} n={n}" if with_counts else str(side.budget)
        for side, n in zip((cell.ours, cell.theirs), counts, strict=True)
    ]
    numbers = [
        Number(value, spread, remark, marks)
        for (value, spread), remark, marks in zip(
            texts, [*remarks, ""], [signs(cell.ours), signs(cell.theirs), ""], strict=True
        )
    ]
    return [Number(number.value, signs=number.signs) for number in numbers] if compact else numbers


def _medians(cell: ComparedCell, decimals: int) -> list[tuple[str, str]]:
    changes = [_median(change, decimals) for change in (cell.our_change, cell.their_change)]
    return [*changes, (f"{cell.difference:+z.{decimals}f}", "")]


def _median(change: Change, decimals: int) -> tuple[str, str]:
    form = f"+z.{decimals}f"
    spread = f"[{change.minimum:{form}}, {change.maximum:{form}}]" if change.n > 1 else ""
    return f"{change.median:{form}}", spread


def _remarks(pair: ComparedSection) -> list[str]:
    ours, theirs = pair.ours, pair.theirs
    remarks = []
    if pair.our_steps and pair.their_steps and pair.our_steps < _MUCH_SHORTER * pair.their_steps:
        remarks.append(
            f"Ours trains its dense network for {pair.our_steps:,} steps, theirs for {pair.their_steps:,} "
            f"({_percent(pair.our_steps / pair.their_steps)}). With training this short, the dense network is worse "
            "and retraining can make up for it: compare the ranking of techniques, not the differences."
        )
    if not same_named_data(ours, theirs):
        remarks.append("The data sets have different names; whether they hold the same examples is unknown.")
    if pair.unfinished:
        named = _named(ours, [cell for cell, _ in pair.unfinished])
        remarks.append(f"Replicates missing on either side, {plural(len(pair.unfinished), 'cell')}: {named}")
    for name, section, cells in (("ours", ours, pair.only_ours), ("theirs", theirs, pair.only_theirs)):
        if cells:
            remarks.append(f"Only in {name}, {plural(len(cells), 'cell')}: {_named(section, cells)}")
    return remarks


def _named(section: Section, cells: Sequence[TableCell]) -> str:
    """`fine_tuning 4× 8×; lr_rewinding 8×`."""
    labels = labels_of(section)
    techniques: dict[str, list[str]] = {}
    for cell in cells:
        techniques.setdefault(cell.technique, []).append(labels[cell.compression])
    return "; ".join(f"{technique} {' '.join(compressions)}" for technique, compressions in techniques.items())


def _grid_name(section: Section) -> str:
    return f"{section.network} · {section.pruning} · {section.schedule}"


def _deviation(section: Section) -> str:
    return "" if section.dense.sd is None else f", standard deviation {section.dense.sd:.{section.decimals}f}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%"

"""Two results next to each other, cell by cell: two stores, or a store and the published study."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results.comparisons.comparison import Change, ComparedCell, ComparedSection, Side, compared_sections
from orchestrator.results.comparisons.matching import same_named_data
from orchestrator.results.grid import Section, TableCell
from orchestrator.results.printing.report import Report
from orchestrator.results.printing.sheets import Cell, Number, Printout, Sheet
from orchestrator.results.rows import Filters
from orchestrator.results.statistics import ACCURACY
from orchestrator.results.wording import (
    budget_rule,
    compression_labels,
    dense_accuracy,
    labels_of,
    sign_notes,
    signs,
)
from workers.errors import InputError
from workers.text import plural

_HEADER = ("technique", "compression", "ours", "theirs", "ours − theirs", "inside")
_MUCH_SHORTER = 0.99


@dataclass(frozen=True, slots=True)
class Comparison(Report):
    """What `compare` returns. Prints as text; `unmatched_*` are grids that only one side has."""

    ours: Side
    theirs: Side
    budget: str
    sections: tuple[ComparedSection, ...]
    unmatched_ours: tuple[Section, ...]
    unmatched_theirs: tuple[Section, ...]

    @property
    def unreadable(self) -> dict[str, str]:
        """Files of either store that could not be read (where: reason)."""
        sides = (self.ours, self.theirs)
        return {
            f"{side.name}: {path}": f"{side.name}: {why}" for side in sides for path, why in side.unreadable.items()
        }

    @property
    def printout(self) -> Printout:
        metrics = dict.fromkeys(section.ours.metric for section in self.sections)
        unit = ", points" if ACCURACY in metrics else ""
        return Printout(
            heading=f"Change in test {' or '.join(metrics)} relative to the dense networks{unit}: ours and theirs",
            protocol=self._protocol(),
            sheets=[_sheet(pair) for pair in self.sections],
            notes=self._notes(),
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {"ours": self.ours.name, "theirs": self.theirs.name, "statistic": "median", "budget": self.budget}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each cell of each pair of grids, and of grids that only one side has.

        `status` is `compared`, `unfinished`, `only_ours` or `only_theirs`.
        """
        rows = [row for pair in self.sections for row in _pair_rows(pair)]
        for section in self.unmatched_ours:
            rows += [_row(section, "only_ours", cell, None) for cell in section.cells.values()]
        for section in self.unmatched_theirs:
            rows += [_row(section, "only_theirs", None, cell) for cell in section.cells.values()]
        return rows

    def _protocol(self) -> list[str]:
        published = f" ({self.theirs.published})" if self.theirs.published else ""
        return [
            "median [min, max] of replicates, minus the median of the same side's dense networks; "
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
        return notes


def compare(ours: Side, theirs: Side, *, budget: str = "best", filters: Filters | None = None) -> Comparison:
    """Match the cells of two results (see `matching`), each relative to the dense networks of its side.

    The published study is always `theirs`, in whichever order the two are given. `budget` and `filters` are those of
    `table` and apply to both sides. Raises InputError as `table` does, and if the two have no cell in common.
    """
    if ours.published and not theirs.published:
        ours, theirs = theirs, ours
    our_sections, their_sections = (side.sections(budget, filters) for side in (ours, theirs))
    pairs = compared_sections(ours, theirs, our_sections, their_sections)
    if not pairs:
        raise InputError(
            f"`{ours.name}` and `{theirs.name}` have no cell in common\n\n"
            f"`{ours.name}` has\n{_contents(our_sections)}\n`{theirs.name}` has\n{_contents(their_sections)}",
            hint="cells match by network, pruning, schedule, technique and compression (within 0.1 %), and by the name "
            "of their data",
        )
    return Comparison(
        ours=ours,
        theirs=theirs,
        budget=budget,
        sections=tuple(pairs),
        unmatched_ours=_without(our_sections, [pair.ours for pair in pairs]),
        unmatched_theirs=_without(their_sections, [pair.theirs for pair in pairs]),
    )


def _without(sections: Sequence[Section], matched: Sequence[Section]) -> tuple[Section, ...]:
    titles = {section.title for section in matched}
    return tuple(section for section in sections if section.title not in titles)


def _contents(sections: Iterable[Section]) -> str:
    """What one side has, one line for each grid."""
    lines = [
        f"  {section.title}: {', '.join(section.techniques)} at {' '.join(compression_labels(section.compressions))}"
        for section in sections
    ]
    return "\n".join(lines) or "  no pruned networks"


def _sheet(pair: ComparedSection) -> Sheet:
    """One grid: the cells that are complete on both sides, and remarks about the others."""
    counts = {(cell.our_change.n, cell.their_change.n) for cell in pair.cells}
    labels = labels_of(pair.ours)
    same = "; cells: n = {} and {}".format(*next(iter(counts))) if len(counts) == 1 else ""
    ours, theirs = pair.ours, pair.theirs
    return Sheet(
        title=_grid_name(ours),
        captions=[
            f"ours ({ours.dataset}, recipe {ours.recipe}): {_lower(dense_accuracy(ours, 'median'))}",
            f"theirs ({theirs.dataset}, recipe {theirs.recipe}): {_lower(dense_accuracy(theirs, 'median'))}"
            f"{_deviation(theirs)}{same}",
        ],
        header=_HEADER,
        lines=[_line(cell, labels[cell.ours.compression], len(counts) > 1) for cell in pair.cells],
        remarks=_remarks(pair),
        keys=2,
    )


def _line(cell: ComparedCell, label: str, with_counts: bool) -> list[Cell]:
    return [
        cell.ours.technique,
        Number(label),
        _side(cell.ours, cell.our_change, with_counts),
        _side(cell.theirs, cell.their_change, with_counts),
        Number(f"{cell.difference:+z.2f}"),
        "yes" if cell.inside else "no",
    ]


def _side(cell: TableCell, change: Change, with_counts: bool) -> Number:
    spread = f"[{change.minimum:+z.2f}, {change.maximum:+z.2f}]" if change.n > 1 else ""
    remark = f"{cell.budget} n={change.n}" if with_counts else str(cell.budget)
    return Number(f"{change.median:+z.2f}", spread, remark, signs(cell))


def _remarks(pair: ComparedSection) -> list[str]:
    ours, theirs = pair.ours, pair.theirs
    remarks = []
    if pair.our_steps and pair.their_steps and pair.our_steps < _MUCH_SHORTER * pair.their_steps:
        remarks.append(
            f"Ours trains its dense network for {pair.our_steps:,} steps, theirs for {pair.their_steps:,} "
            f"({_percent(pair.our_steps / pair.their_steps)}). With training this short, the dense accuracy is lower "
            "and retraining can make up for it: compare the ranking of techniques, not the differences."
        )
    if not same_named_data(ours, theirs):
        remarks.append("The data sets have different names; whether they hold the same images is unknown.")
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
    return "" if section.dense.sd is None else f", standard deviation {section.dense.sd:.2f}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _pair_rows(pair: ComparedSection) -> list[dict[str, Any]]:
    rows = [_row(pair.ours, "compared", cell.ours, cell.theirs, cell, pair=pair) for cell in pair.cells]
    rows += [_row(pair.ours, "unfinished", ours, theirs, pair=pair) for ours, theirs in pair.unfinished]
    rows += [_row(pair.ours, "only_ours", cell, None, pair=pair) for cell in pair.only_ours]
    rows += [_row(pair.theirs, "only_theirs", None, cell, pair=pair) for cell in pair.only_theirs]
    return rows


def _row(
    section: Section,
    status: str,
    ours: TableCell | None,
    theirs: TableCell | None,
    compared: ComparedCell | None = None,
    pair: ComparedSection | None = None,
) -> dict[str, Any]:
    cell = ours or theirs
    assert cell is not None
    return (
        {"unit": section.unit("delta"), **section.place}
        | {"technique": cell.technique, "compression": cell.compression, "status": status}
        | _numbers("ours", ours, compared.our_change if compared else None)
        | _numbers("theirs", theirs, compared.their_change if compared else None)
        | {name: getattr(compared, name, None) for name in ("difference", "low", "high", "inside")}
        | (_dense_of_pair(pair) if pair else _dense_of_one_side(section, status))
    )


def _dense_of_pair(pair: ComparedSection) -> dict[str, Any]:
    return _dense("ours", pair.ours, pair.our_steps) | _dense("theirs", pair.theirs, pair.their_steps)


def _dense_of_one_side(section: Section, status: str) -> dict[str, Any]:
    """The columns of a grid that only one side has."""
    ours, theirs = (section if status == name else None for name in ("only_ours", "only_theirs"))
    return _dense("ours", ours, None) | _dense("theirs", theirs, None)


def _dense(side: str, section: Section | None, steps: int | None) -> dict[str, Any]:
    """The columns of the dense networks of one side."""
    return {
        f"{side}_dense_median": section.dense.median if section else None,
        f"{side}_dense_sd": section.dense.sd if section else None,
        f"{side}_dense_steps": steps,
    }


def _numbers(side: str, cell: TableCell | None, change: Change | None) -> dict[str, Any]:
    """The columns of one side; `n` is how many replicates are done."""
    return {
        f"{side}_budget": cell.budget if cell else None,
        f"{side}_n": cell.summary.n if cell else None,
        f"{side}_median": change.median if change else None,
        f"{side}_minimum": change.minimum if change else None,
        f"{side}_maximum": change.maximum if change else None,
    }

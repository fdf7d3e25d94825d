"""The words and rows of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.results.matching import same_named_data
from orchestrator.results.sheets import Cell, Sheet
from orchestrator.results.statistics import SECTION
from orchestrator.results.table import ACCURACY, Section, TableCell
from orchestrator.results.wording import (
    budget_rule,
    compression_labels,
    dense_level,
    sign_notes,
    signs,
)
from workers.text import plural

if TYPE_CHECKING:
    from orchestrator.results.comparison import Change, ComparedCell, ComparedSection, Comparison

_HEADER = ("technique", "compression", "ours", "theirs", "ours − theirs", "inside")
_MUCH_SHORTER = 0.99


def heading(found: Comparison) -> str:
    metrics = dict.fromkeys(section.ours.metric for section in found.sections)
    unit = ", points" if ACCURACY in metrics else ""
    return f"Change of test {' or '.join(metrics)} against the dense networks{unit}: ours beside theirs"


def protocol(found: Comparison) -> list[str]:
    published = f" ({found.theirs.published})" if found.theirs.published else ""
    return [
        "median [min, max] of replicates, less the median of the same side's dense networks; "
        + budget_rule(found.budget),
        f"ours: {found.ours.name}",
        f"theirs: {found.theirs.name}{published}",
        "inside: our median is in their [min, max], widened by the standard deviation of their dense networks",
    ]


def sheet(pair: ComparedSection) -> Sheet:
    """One grid: the cells that both sides have complete, and what else to know of it."""
    counts = {(cell.our_change.n, cell.their_change.n) for cell in pair.cells}
    labels = _labels(pair.ours)
    lines = [_line(cell, labels[cell.ours.compression], len(counts) > 1) for cell in pair.cells]
    same = "; cells: n = {} and {}".format(*next(iter(counts))) if len(counts) == 1 else ""
    ours, theirs = pair.ours, pair.theirs
    captions = [
        f"ours ({ours.dataset}, recipe {ours.recipe}): {_lower(dense_level(ours, 'median'))}",
        f"theirs ({theirs.dataset}, recipe {theirs.recipe}): {_lower(dense_level(theirs, 'median'))}"
        f"{_deviation(theirs)}{same}",
    ]
    return Sheet(
        title=f"{ours.network} · {ours.pruning} · {ours.schedule}",
        captions=captions,
        header=_HEADER,
        lines=lines,
        remarks=_remarks(pair),
    )


def notes(found: Comparison) -> list[str]:
    """What holds for all grids: how many cells are inside, signs, and grids that one side alone has."""
    cells = [cell for section in found.sections for cell in section.cells]
    inside = sum(cell.inside for cell in cells)
    told = [f"Inside: {inside} of {plural(len(cells), 'cell')} compared."]
    told += sign_notes([cell for both in cells for cell in (both.ours, both.theirs)])
    for name, sections in (("ours", found.unmatched_ours), ("theirs", found.unmatched_theirs)):
        if sections:
            count = sum(len(section.cells) for section in sections)
            grids = "; ".join(f"{_grid_name(section)} ({len(section.cells)})" for section in sections)
            told.append(f"Grids only in {name}, {plural(count, 'cell')}: {grids}")
    return told


def contents(sections: Iterable[Section]) -> str:
    """What one side has, a line for each grid."""
    lines = [
        f"  {section.title}: {', '.join(section.techniques)} at {' '.join(compression_labels(section.compressions))}"
        for section in sections
    ]
    return "\n".join(lines) or "  no pruned network"


def long_rows(found: Comparison) -> list[dict[str, Any]]:
    rows = []
    for pair in found.sections:
        place = {"unit": pair.ours.unit("delta"), **_place(pair.ours)}
        for cell in pair.cells:
            rows.append(
                place
                | _identity(cell.ours)
                | {"status": "compared"}
                | _numbers("ours", cell.ours, cell.our_change)
                | _numbers("theirs", cell.theirs, cell.their_change)
                | {"difference": cell.difference, "low": cell.low, "high": cell.high, "inside": cell.inside}
            )
        rows += [_uncompared(place, "unfinished", ours, theirs) for ours, theirs in pair.unfinished]
        rows += [_uncompared(place, "only_ours", one, None) for one in pair.only_ours]
        their_place = place | _place(pair.theirs)
        rows += [_uncompared(their_place, "only_theirs", None, one) for one in pair.only_theirs]
    for status, sections in (("only_ours", found.unmatched_ours), ("only_theirs", found.unmatched_theirs)):
        for section in sections:
            place = {"unit": section.unit("delta"), **_place(section)}
            for one in section.cells.values():
                sides = (one, None) if status == "only_ours" else (None, one)
                rows.append(_uncompared(place, status, *sides))
    return rows


def _line(cell: ComparedCell, label: str, with_counts: bool) -> list[Cell]:
    return [
        cell.ours.technique,
        (label,),
        _side(cell.ours, cell.our_change, with_counts),
        _side(cell.theirs, cell.their_change, with_counts),
        (f"{cell.difference:+z.2f}",),
        "yes" if cell.inside else "no",
    ]


def _side(cell: TableCell, change: Change, with_counts: bool) -> tuple[str, ...]:
    number = f"{change.median:+z.2f}"
    spread = f"[{change.minimum:+z.2f}, {change.maximum:+z.2f}]" if change.n > 1 else ""
    remark = " ".join([str(cell.budget), *[f"n={change.n}"] * with_counts])
    return number, spread, remark, signs(cell)


def _remarks(pair: ComparedSection) -> list[str]:
    ours, theirs = pair.ours, pair.theirs
    told = []
    if pair.our_steps and pair.their_steps and pair.our_steps < _MUCH_SHORTER * pair.their_steps:
        told.append(
            f"Ours trains its dense network for {pair.our_steps:,} steps, theirs for {pair.their_steps:,} "
            f"({_percent(pair.our_steps / pair.their_steps)}). After so short a training, the dense level is lower and "
            "retraining may still gain what training left: read the order of techniques, not the differences."
        )
    if not same_named_data(ours, theirs):
        told.append("The two name their data differently; whether these are the same images, their names do not tell.")
    if pair.unfinished:
        named = _named(ours, [cell for cell, _ in pair.unfinished])
        told.append(f"Replicates missing on either side, {plural(len(pair.unfinished), 'cell')}: {named}")
    for name, section, cells in (("ours", ours, pair.only_ours), ("theirs", theirs, pair.only_theirs)):
        if cells:
            told.append(f"Only in {name}, {plural(len(cells), 'cell')}: {_named(section, cells)}")
    return told


def _named(section: Section, cells: Sequence[TableCell]) -> str:
    """`fine_tuning 4× 8×; lr_rewinding 8×`."""
    labels = _labels(section)
    techniques: dict[str, list[str]] = {}
    for cell in cells:
        techniques.setdefault(cell.technique, []).append(labels[cell.compression])
    return "; ".join(f"{technique} {' '.join(found)}" for technique, found in techniques.items())


def _labels(section: Section) -> dict[float, str]:
    return dict(zip(section.compressions, compression_labels(section.compressions), strict=True))


def _grid_name(section: Section) -> str:
    return f"{section.network} · {section.pruning} · {section.schedule}"


def _deviation(section: Section) -> str:
    return "" if section.dense.sd is None else f", standard deviation {section.dense.sd:.2f}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _place(section: Section) -> dict[str, str]:
    return {name: getattr(section, name) for name in SECTION}


def _identity(cell: TableCell) -> dict[str, Any]:
    return {"technique": cell.technique, "compression": cell.compression}


def _uncompared(place: dict[str, Any], status: str, ours: TableCell | None, theirs: TableCell | None) -> dict[str, Any]:
    cell = ours or theirs
    assert cell is not None
    sides = _numbers("ours", ours, None) | _numbers("theirs", theirs, None)
    judgement = {"difference": None, "low": None, "high": None, "inside": None}
    return place | _identity(cell) | {"status": status} | sides | judgement


def _numbers(side: str, cell: TableCell | None, change: Change | None) -> dict[str, Any]:
    """The columns of one side; `n` is how many replicates are done."""
    return {
        f"{side}_budget": cell.budget if cell else None,
        f"{side}_n": cell.summary.n if cell else None,
        f"{side}_median": change.median if change else None,
        f"{side}_minimum": change.minimum if change else None,
        f"{side}_maximum": change.maximum if change else None,
    }

"""Techniques tested against a baseline technique at equal compression (see `orchestrator.results.intervals`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from orchestrator.results.grid import Section, TableCell
from orchestrator.results.intervals import Interval, holm
from orchestrator.results.statistics import group_by
from orchestrator.results.wording import compression_labels

BASELINE = "fine_tuning"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A technique minus the baseline at one compression, in the unit of differences.

    `p` is null where there is nothing to test: too few replicates, equal differences, or the same run. `adjusted` is
    `p` after Holm's method, for all tests of the grid.
    """

    technique: str
    baseline: str
    compression: float
    difference: Interval
    paired: bool
    p: float | None = None
    adjusted: float | None = None

    def significant(self, level: float = 0.05) -> bool:
        """Whether the difference is significant after the adjustment."""
        return self.adjusted is not None and self.adjusted < level


class Place(NamedTuple):
    """A cell of a table: the title of its grid, and where it is in there."""

    grid: str
    technique: str
    compression: float
    budget: str | None


def contrasts(section: Section, baseline: str = BASELINE) -> tuple[Contrast, ...]:
    """Every technique of a grid against the baseline, wherever both are complete; empty without the baseline."""
    return tuple(contrasts_by_cell([section], baseline).values())


def contrasts_by_cell(sections: Iterable[Section], baseline: str = BASELINE) -> dict[Place, Contrast]:
    """`contrasts` of several sections, by cell. Those of one grid, such as its budgets, are adjusted together."""
    raw = {
        Place(section.title, cell.technique, cell.compression, cell.budget): contrast
        for section in sections
        for cell in section.cells.values()
        if (contrast := _contrast(cell, section.cells.get((baseline, cell.compression)))) is not None
    }
    adjusted: dict[Place, Contrast] = {}
    for places in group_by(raw, lambda place: place.grid).values():
        adjusted |= dict(zip(places, _adjusted([raw[place] for place in places]), strict=True))
    return adjusted


def in_words(tests: Iterable[Contrast]) -> str:
    """Which techniques differ from the baseline: `higher lr_rewinding 4× 8×; lower reinitialization 4×`."""
    significant = [contrast for contrast in tests if contrast.significant()]
    parts = []
    for word, sign in (("higher", 1), ("lower", -1)):
        of_sign = [contrast for contrast in significant if contrast.difference.middle * sign > 0]
        texts = []
        for technique, members in group_by(of_sign, lambda contrast: contrast.technique).items():
            texts.append(" ".join([technique, *compression_labels([member.compression for member in members])]))
        if texts:
            parts.append(f"{word} {', '.join(texts)}")
    return "; ".join(parts) or "none"


def _contrast(cell: TableCell, baseline: TableCell | None) -> Contrast | None:
    difference = None if baseline is None or cell is baseline else cell.minus(baseline)
    if baseline is None or difference is None:
        return None
    return Contrast(
        technique=cell.technique,
        baseline=baseline.technique,
        compression=cell.compression,
        difference=difference,
        paired=cell.paired and baseline.paired,
        p=cell.p_value(baseline),
    )


def _adjusted(raw: Sequence[Contrast]) -> tuple[Contrast, ...]:
    tested = {index: contrast.p for index, contrast in enumerate(raw) if contrast.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return tuple(replace(contrast, adjusted=adjusted.get(index)) for index, contrast in enumerate(raw))

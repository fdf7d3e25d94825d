"""Techniques tested against a baseline technique at equal compression (see `orchestrator.results.intervals`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.results.grid import Section, TableCell
from orchestrator.results.intervals import Interval, holm

BASELINE = "fine_tuning"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A technique minus the baseline at one compression, in points (BLEU).

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


def contrasts(section: Section, baseline: str = BASELINE) -> tuple[Contrast, ...]:
    """Every technique of a grid against the baseline, wherever both are complete; empty without the baseline."""
    raw = [
        _contrast(cell, section.cells[baseline, cell.compression])
        for cell in section.cells.values()
        if cell.technique != baseline and (baseline, cell.compression) in section.cells
    ]
    return _adjusted([contrast for contrast in raw if contrast is not None])


def _contrast(cell: TableCell, baseline: TableCell) -> Contrast | None:
    difference = cell.minus(baseline)
    if difference is None:
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

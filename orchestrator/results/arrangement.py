"""Which columns of the results are the rows and the columns of a printed table; all others tell its sheets apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.results.grid import Section, TableCell, differing
from orchestrator.results.printing.sheets import Cell, Sheet
from orchestrator.results.statistics import SECTION, group_by
from orchestrator.results.wording import compression_labels
from orchestrator.sweep.values import Duration
from workers.errors import InputError
from workers.registry import closest
from workers.techniques import in_order

DIMENSIONS = (*SECTION, "technique", "compression", "budget")

ShowCell = Callable[["TableCell | None", Section], Cell]
ShowCaption = Callable[[Section], str]

_Values = tuple[str | float | None, ...]  # one of each dimension
_Labels = Mapping[str, Mapping[str | float | None, str]]  # by dimension and value


@dataclass(frozen=True, slots=True)
class Layout:
    """The dimensions that are the rows of a sheet, and those that are its columns."""

    rows: tuple[str, ...] = ("technique",)
    columns: tuple[str, ...] = ("compression",)

    @classmethod
    def of(cls, rows: str | Sequence[str] | None, columns: str | Sequence[str] | None) -> Layout:
        """A layout from names; a text has them separated by commas. One that is not given yields to the other.

        Raises InputError for an unknown name, and for one that occurs twice.
        """
        down, across = _names(rows), _names(columns)
        across = across or (("technique",) if "compression" in down else ("compression",))
        down = down or (("compression",) if "technique" in across else ("technique",))
        for name in (*down, *across):
            if name not in DIMENSIONS:
                raise InputError(f"cannot be rows or columns of a table: {name}", hint=closest(name, DIMENSIONS))
        hint = f"choose different ones of {', '.join(DIMENSIONS)}"
        for name in down:
            if name in across:
                raise InputError(f"`{name}` cannot be both rows and columns", hint=hint)
        for option, names in (("rows", down), ("columns", across)):
            if len(set(names)) < len(names):
                raise InputError(f"`{option}` has a name twice: {','.join(names)}", hint=hint)
        return cls(down, across)

    @property
    def splits_budgets(self) -> bool:
        """Whether every budget is shown, instead of one for each cell."""
        return "budget" in (*self.rows, *self.columns)

    def check_budget(self, budget: str | None) -> None:
        """Raise InputError for a budget that is to be chosen where all are shown."""
        if self.splits_budgets and budget is not None:
            raise InputError(
                f"cannot show all budgets and only `{budget}`",
                hint="omit `budget`, or remove it from `rows` and `columns`",
            )

    @property
    def sheets(self) -> tuple[str, ...]:
        """The dimensions that tell sheets apart."""
        shown = {*self.rows, *self.columns, "budget"}
        return tuple(name for name in DIMENSIONS if name not in shown)


PLAIN = Layout()
"""Techniques × compressions."""


class _PlacedCell(NamedTuple):
    """A cell, its section, and its value of every dimension."""

    section: Section
    cell: TableCell
    values: Mapping[str, str | float | None]

    def of(self, names: Iterable[str]) -> _Values:
        return tuple(self.values[name] for name in names)


def arranged(sections: Iterable[Section], layout: Layout, show: ShowCell, caption: ShowCaption) -> list[Sheet]:
    """Sections as sheets: `show` gives the text of a cell, and `caption` what is known of the cells of a section."""
    sheets = []
    for section in sections:
        if not section.cells:
            sheets.append(Sheet(section.title, [caption(section)], layout.rows, ()))
    groups = group_by(_places(sections), lambda place: place.of(layout.sheets))
    return sheets + [_sheet(places, layout, show, caption) for places in groups.values()]


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    names = given.split(",") if isinstance(given, str) else given
    return tuple(name.strip() for name in names)


def _places(sections: Iterable[Section]) -> Iterator[_PlacedCell]:
    for section in sections:
        for cell in section.cells.values():
            of_cell: dict[str, str | float | None] = {
                "technique": cell.technique,
                "compression": cell.compression,
                "budget": cell.budget,
            }
            yield _PlacedCell(section, cell, section.place | of_cell)


def _sheet(places: Sequence[_PlacedCell], layout: Layout, show: ShowCell, caption: ShowCaption) -> Sheet:
    labels = {name: _labels(name, [place.values[name] for place in places]) for name in DIMENSIONS}
    by_place = {(place.of(layout.rows), place.of(layout.columns)): place for place in places}
    columns = _ordered(layout.columns, places, labels)
    return Sheet(
        title=" · ".join(labels[name][places[0].values[name]] for name in layout.sheets),
        captions=_captions([place.section for place in places], caption),
        header=[*layout.rows, *(" · ".join(_named(layout.columns, column, labels)) for column in columns)],
        lines=[
            [
                *_named(layout.rows, row, labels),
                *(_shown(by_place.get((row, column)), places[0].section, show) for column in columns),
            ]
            for row in _ordered(layout.rows, places, labels)
        ],
        keys=len(layout.rows),
    )


def _shown(place: _PlacedCell | None, section: Section, show: ShowCell) -> Cell:
    return show(None, section) if place is None else show(place.cell, place.section)


def _named(names: Sequence[str], values: _Values, labels: _Labels) -> list[str]:
    return [labels[name][value] for name, value in zip(names, values, strict=True)]


def _ordered(names: Sequence[str], places: Iterable[_PlacedCell], labels: _Labels) -> list[_Values]:
    """The rows or columns of a sheet, each dimension in the order of its labels."""
    ranks = {name: {value: rank for rank, value in enumerate(labels[name])} for name in names}
    rows = dict.fromkeys(place.of(names) for place in places)
    return sorted(rows, key=lambda row: [ranks[name][value] for name, value in zip(names, row, strict=True)])


def _labels(name: str, values: Iterable[str | float | None]) -> dict[str | float | None, str]:
    """The values of a dimension in order, and their labels."""
    distinct = list(dict.fromkeys(values))
    if name == "compression":
        compressions = sorted(float(value) for value in distinct if value is not None)
        return dict(zip(compressions, compression_labels(compressions), strict=True))
    texts = [str(value) for value in distinct]
    if name == "technique":
        texts = in_order(texts)
    elif name == "budget":
        texts = sorted(texts, key=_length)
    return {text: text for text in texts}


def _length(budget: str) -> tuple[str, float]:
    """A budget as its unit and its length, which orders the budgets of a sweep."""
    try:
        duration = Duration.parse(budget)
    except ValueError:
        return budget, 0.0
    return duration.unit, float(duration.value)


def _captions(sections: Iterable[Section], caption: ShowCaption) -> list[str]:
    """What is known of the cells of a sheet, one line for each grid; a name tells several apart."""
    grids = list({section.title: section for section in sections}.values())
    names = differing(grids)
    lines = []
    for grid in grids:
        named = " · ".join(text for name, text in grid.place.items() if name in names)
        lines.append(f"{named}: {caption(grid)}" if named else caption(grid))
    return lines

"""The page: gathers answers and views, and writes the file."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.planning.select import selector
from orchestrator.results.baseline import BASELINE
from orchestrator.results.comparisons.matching import matching_sections
from orchestrator.results.figures.looks import looks_of
from orchestrator.results.grid import Section, differing
from orchestrator.results.intervals import RULES, Interval
from orchestrator.results.page import provenance, reach
from orchestrator.results.page.canvas import Ink
from orchestrator.results.page.cells import cells_table
from orchestrator.results.page.failures import causes, failures_by_place
from orchestrator.results.page.grids import Grid, Record, read_grids
from orchestrator.results.page.legend import legend, used_in
from orchestrator.results.page.source import PageSource, open_source
from orchestrator.results.page.text import code, first_upper, long, safe, short
from orchestrator.results.page.theme import style_sheet
from orchestrator.results.page.ties import ComparedColumn, columns, left_out
from orchestrator.results.page.trust import environments, trust
from orchestrator.results.page.verdict import verdict
from orchestrator.results.page.views.accuracy import accuracy_view
from orchestrator.results.page.views.batch import intervals
from orchestrator.results.page.views.budget_curves import budget_view
from orchestrator.results.page.views.comparison import comparison_view
from orchestrator.results.page.views.fronts import pareto_view, search_cost_view
from orchestrator.results.page.views.layers import layers_view
from orchestrator.results.page.views.learning import learning_view
from orchestrator.results.page.views.margin import margin_view
from orchestrator.results.page.views.times import time_view, timeline_view, trials_of
from orchestrator.results.page.views.view import View
from orchestrator.results.reference import citation, published
from orchestrator.results.table import check_baseline, table
from orchestrator.results.wording import dense_accuracy
from workers.errors import InputError
from workers.machine.version import VERSION
from workers.paths import file_to_write
from workers.store.filesystems.output import write_output

if TYPE_CHECKING:
    from orchestrator.results.page.reach import Intervals


@dataclass(frozen=True, slots=True)
class PageFile(os.PathLike[str]):
    """A page that was written, and the files of its store that could not be read (path: reason)."""

    path: Path
    unreadable: Mapping[str, str]

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)


class GridPart(NamedTuple):
    """A grid's part of the page."""

    name: str
    title: str
    dense: str
    views: Sequence[View]


def write_page(
    location: str | os.PathLike[str],
    to: str | os.PathLike[str],
    sweep: str | None = None,
    *,
    retired: bool = False,
    filters: str | None = None,
    metric: str | None = None,
    baseline: str = BASELINE,
) -> PageFile:
    """Write the page of a store or of the published study.

    Equal results give equal bytes. `metric` is that of `rows_of`. Raises InputError for a folder in place of the file,
    a store without pruned networks, a filter that selects none, and a metric or a baseline that no grid has.
    """
    path = file_to_write(to)
    source = open_source(location, sweep, retired=retired, metric=metric)
    text = page(source, filters, baseline)
    write_output(path, text.encode())
    return PageFile(path, source.unreadable)


def page(source: PageSource, filters: str | None = None, baseline: str = BASELINE) -> str:
    """The HTML of a page."""
    grids = read_grids(source.rows, filters)
    if not grids:
        raise InputError("no pruned network to report", hint="`prunesweep status` shows how far sweeps are")
    check_baseline([grid.section for grid in grids], baseline)
    keep = selector(filters) if filters else lambda row: True
    rows = [row for row in source.rows.to_pylist() if keep(row)]
    ink = Ink(looks_of({technique for grid in grids for technique in grid.section.techniques}))
    known = [_intervals(grid) for grid in grids]
    contests = [columns(grid) for grid in grids]
    names = _names(grids)
    studies = _studies(source, grids)
    parts = [
        GridPart(
            name,
            grid.section.title,
            dense_accuracy(grid.section, "median"),
            _views(source, grid, ink, contest, interval, study, baseline),
        )
        for name, grid, contest, interval, study in zip(names, grids, contests, known, studies, strict=True)
    ]
    ran = trials_of(rows)
    context = _answers(source, rows, grids, names, known, contests, ink) | {
        "grids": parts,
        "times": [time_view(ran, ink), timeline_view(ran, ink)],
        "cells": cells_table(rows, grids),
    }
    return _render(context | _provenance(source, rows, filters), ink)


def _answers(
    source: PageSource,
    rows: Sequence[Record],
    grids: Sequence[Grid],
    names: Sequence[str],
    known: Sequence[Intervals],
    contests: Sequence[Sequence[ComparedColumn]],
    ink: Ink,
) -> dict[str, Any]:
    """The answers at the top, in their order."""
    places = [failures_by_place(grid) for grid in grids]
    return {
        "title": source.name,
        "legend": legend(ink),
        "descriptions": _descriptions(source),
        "trust": trust(source, rows),
        "verdict": verdict(
            [column for contest in contests for column in contest],
            lambda name: ink.looks[name].name,
            sum(map(left_out, grids)),
            unfinished=any(not row["done"] and row["failure"] is None for row in rows),
        ),
        "reach": reach.reach_table(grids, known, names),
        "reach_rule": reach.reach_rule(grids),
        "cost": reach.cost_table(grids, names),
        "causes": causes(source, rows),
        "places": [place for place in places if place is not None],
    }


def _views(
    source: PageSource,
    grid: Grid,
    ink: Ink,
    contest: Sequence[ComparedColumn],
    known: Intervals,
    study: Section | None,
    baseline: str,
) -> list[View]:
    ordered = [known[place] for place in grid.section.cells]
    return [
        accuracy_view(grid, ink, ordered, study),
        comparison_view(grid, contest, known, baseline),
        search_cost_view(grid, ink),
        pareto_view(grid, ink),
        margin_view(grid),
        budget_view(grid, ink),
        layers_view(grid, ink, source.store),
        learning_view(grid, ink, source.store),
    ]


def _intervals(grid: Grid) -> dict[tuple[str, float], Interval | None]:
    """The interval of the mean change of each cell; null while replicates are missing."""
    groups = [grid.chosen(cell) for cell in grid.section.cells.values()]
    samples = [
        [change for change in group.changes if change is not None] if group.complete else None for group in groups
    ]
    return dict(zip(grid.section.cells, intervals(samples), strict=True))


def _names(grids: Sequence[Grid]) -> list[str]:
    """What tells each grid from the others, and always its network."""
    shown = {"network"} | differing(grid.section for grid in grids)
    return [" · ".join(text for key, text in grid.section.place.items() if key in shown) for grid in grids]


def _studies(source: PageSource, grids: Sequence[Grid]) -> list[Section | None]:
    """For each grid of a store, the published grid of the same network and pruning, if there is one."""
    if source.published:
        return [None] * len(grids)
    networks = {"network": sorted({grid.section.network for grid in grids})}
    theirs = table(published(), value="delta", budget="best", filters=networks).sections
    pairs = matching_sections([grid.section for grid in grids], [section for section in theirs if section.cells])
    matches = {ours.title: their for ours, their in reversed(pairs)}
    return [matches.get(grid.section.title) for grid in grids]


def _descriptions(source: PageSource) -> list[str]:
    if source.published:
        return [str(citation())]
    texts = [sweep.get("spec", {}).get("description") for sweep in source.sweeps.values()]
    return list(dict.fromkeys(text for text in texts if text))


def _provenance(source: PageSource, rows: Sequence[Record], filters: str | None) -> dict[str, Any]:
    return {
        "filters": filters,
        "sweeps": provenance.sweep_texts(source),
        "environments": environments(rows),
        "rules": RULES,
        "citation": citation() if source.published else None,
        "bibtex": provenance.bibtex(),
        "glossary": provenance.GLOSSARY,
        "version": VERSION,
        "store": source.name,
        "published": source.published,
    }


def _render(context: dict[str, Any], ink: Ink) -> str:
    """The template with its style sheet and script, whose checksums are all that the page's policy lets run."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("orchestrator.results.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "safe_text": safe,
        "short": short,
        "long": long,
        "first_upper": first_upper,
        "used_in": used_in,
        "code": code,
        "markup": Markup,  # of our own making: figures, the style sheet and the script
    }
    style = style_sheet(ink)
    script = (files("orchestrator.results.page") / "templates" / "page.js").read_text("utf-8")
    return environment.get_template("page.html.j2").render(
        context
        | {"markers": ink.styles.definitions}
        | {"style": style, "script": script, "style_hash": _checksum(style), "script_hash": _checksum(script)}
    )


def _checksum(text: str) -> str:
    """A source expression of a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

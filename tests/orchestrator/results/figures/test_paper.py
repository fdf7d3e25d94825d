"""The paper's figures from the published results show what the paper says (numbers recomputed from its data)."""

from __future__ import annotations

from itertools import product

import pytest

from orchestrator.results.figures.paper import NamedFigure, SkippedFigure, paper_figures
from orchestrator.results.figures.points import read_grids
from orchestrator.results.figures.safe_zone import leads
from tests.support.records import cell, dense_cell, make_store, record_of


def line(axes, name):
    [shown] = [line for line in axes.get_lines() if line.get_label() == name]
    return {round(float(x), 2): y for x, y in zip(shown.get_xdata(), shown.get_ydata(), strict=True)}


@pytest.fixture(scope="module")
def resnet56(reference):
    drawn = paper_figures(
        reference("resnet56"), filters="pruning=magnitude,schedule=iterative,compression=9.31|18.19|44.41"
    )
    return {figure.name: figure for figure in drawn}


def test_each_grid_has_four_figures(resnet56):
    kinds = ("accuracy", "retraining_time", "safety", "dominance")
    assert list(resnet56) == [f"{kind}_resnet56_iterative" for kind in kinds]
    assert all(isinstance(figure, NamedFigure) for figure in resnet56.values())


@pytest.mark.parametrize(
    ("technique", "medians"),
    [
        ("fine-tuning", {9.31: -1.25, 18.19: -2.66, 44.41: -4.84}),
        ("weight rewinding", {9.31: -0.09, 18.19: -0.69, 44.41: -2.65}),
        ("LR rewinding", {9.31: 0.11, 18.19: -0.57, 44.41: -2.30}),
        ("low-LR weight rewinding", {9.31: -1.46}),
    ],
)
def test_accuracy_curves_are_the_papers(resnet56, technique, medians):
    [axes] = resnet56["accuracy_resnet56_iterative"].chart.axes
    drawn = line(axes, technique)
    assert {ratio: drawn[ratio] for ratio in medians} == pytest.approx(medians, abs=0.006)


@pytest.mark.parametrize(
    ("technique", "longest"), [("fine-tuning", -2.21), ("weight rewinding", -2.99), ("LR rewinding", 0.11)]
)
def test_curves_over_the_budget_are_the_papers(resnet56, technique, longest):
    chart = resnet56["retraining_time_resnet56_iterative"].chart
    [axes] = [axes for axes in chart.axes if axes.get_title(loc="left").endswith("9.31×")]
    assert line(axes, technique)[182] == pytest.approx(longest, abs=0.006)


def test_rewinding_is_safe_in_the_safe_zone(reference):
    """The paper: within the zone, learning-rate rewinding is at least as good as fine-tuning, but for a few cells."""
    [grid] = read_grids(reference("resnet56"), "accuracy", "test", "pruning=magnitude,schedule=iterative")
    [lead] = [lead for lead in leads(grid, "safety") if lead.technique == "lr_rewinding"]
    inside = [value for (budget, _), value in lead.values.items() if 0.25 * 182 <= budget <= 0.9 * 182]
    assert len(inside) == 6 * 17
    assert sum(value >= -0.05 for value in inside) / len(inside) > 0.9


def test_what_a_store_cannot_have_is_skipped_by_name(demo):
    figures = list(paper_figures(demo))
    skipped = {figure.name: str(figure.error) for figure in figures if isinstance(figure, SkippedFigure)}
    assert {name: text.splitlines()[0] for name, text in skipped.items()} == {
        "retraining_time_resnet8_8_iterative": "a curve over budgets needs at least two budgets",
        "safety_resnet8_8_iterative": "nothing to compare with `fine_tuning`",
        "dominance_resnet8_8_iterative": "nothing to compare with `fine_tuning`",
    }
    assert len(figures) == 8


def test_the_papers_figures_of_a_store_are_exported(main, tmp_path):
    cells = [dense_cell()]
    for technique, epochs, ratio in product(("fine_tuning", "lr_rewinding"), (5.0, 10.0), (4.0, 8.0)):
        cells.append(cell(technique=technique, compression=ratio, budget=f"{epochs:g}ep", budget_epochs=epochs))
    make_store(tmp_path / "store", cells, [record_of(one) for one in cells])
    code, stdout, stderr = main("export", tmp_path / "store", "--figures", "paper", "-o", tmp_path / "out")
    assert (code, stderr) == (0, "")
    stems = {f"{kind}_resnet8_one_shot" for kind in ("accuracy", "retraining_time", "safety", "dominance")}
    tables = {f"{table}.{suffix}" for table in ("results", "layers", "curves") for suffix in ("parquet", "csv")}
    written = {path.name for path in (tmp_path / "out").iterdir()} - tables - {"statistics.csv"}
    assert written == {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg", "pdf")}
    assert {str(tmp_path / "out" / name) for name in written} <= set(stdout.splitlines())

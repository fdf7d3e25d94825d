"""No label crosses a line or another label, and nothing leaves the canvas, whatever is drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from matplotlib.lines import Line2D

from orchestrator.results.figures.accuracy import accuracy_vs_compression
from orchestrator.results.figures.chart import WIDTHS, Chart, legend
from orchestrator.results.figures.looks import looks_of
from orchestrator.results.figures.scales import ROOM
from orchestrator.results.figures.svg import to_svg
from tests.support.figure_geometry import faults, smallest_text


def check(figure):
    assert faults(figure) == []
    assert smallest_text(figure) >= 7
    assert figure.get_figwidth() in WIDTHS.values()


def test_hostile_names_in_a_legend_are_text_on_the_canvas():
    names = ["<script>alert(1)</script>", "x" * 10_000, "\u202eevil\x1b[31m red", "a b " * 2_500, "$\\frac", "_private"]
    chart = Chart(1, 2.0, title="legend")
    chart.subplots()
    legend(chart, [Line2D([], [], label=look.name) for look in looks_of(names).values()])
    chart.lay_out()
    texts = chart.legends[0].get_texts()
    assert len(texts) == len(names)
    assert not any(text.get_parse_math() for text in texts)
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", "".join(text.get_text() for text in texts))
    check(chart)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("value", ["delta", "accuracy"])
def test_the_demo(demo, columns, value):
    check(accuracy_vs_compression(demo, value=value, columns=columns))


@pytest.mark.parametrize(
    ("network", "columns"), [("resnet20", 1), ("resnet56", 2), ("resnet110", 1), ("resnet50", 2), ("gnmt", 1)]
)
def test_the_published_study(reference, network, columns):
    check(accuracy_vs_compression(reference(network), columns=columns))


@pytest.mark.parametrize("seed", range(8))
def test_random_grids(random_rows, seed):
    check(accuracy_vs_compression(random_rows(seed), columns=1 + seed % 2))


def test_the_axes_hug_the_data(demo):
    figure = accuracy_vs_compression(demo)
    figure.draw_without_rendering()
    for axes, first, last in zip(figure.axes, (4, 2), (32, 16), strict=True):
        left, right = axes.transData.transform([(first, 0), (last, 0)])[:, 0]
        assert (left - axes.bbox.x0) * 72 / figure.dpi == pytest.approx(ROOM)
        assert (axes.bbox.x1 - right) * 72 / figure.dpi == pytest.approx(ROOM)


@pytest.fixture
def figure():
    chart = Chart(1, 2.0, title="a title")
    chart.subplots().plot([0, 1], [0, 1], label="diagonal")
    chart.lay_out()
    return chart


def test_a_text_on_a_line_is_a_fault(figure):
    figure.axes[0].text(0.4, 0.45, "crossed")
    assert faults(figure) == ["'crossed' is crossed by line diagonal"]


def test_texts_that_overlap_are_a_fault(figure):
    figure.axes[0].text(0.1, 0.8, "first")
    figure.axes[0].text(0.12, 0.82, "second")
    assert faults(figure) == ["'first' overlaps 'second'"]


def test_a_text_that_is_cut_off_is_a_fault(figure):
    figure.text(0.8, 0.98, "much too long for this place")
    assert "'much too long for this place' leaves the canvas" in faults(figure)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "x" * 10_000, "\u202eevil\x1b[31m red", "a b " * 2_500, "$\\frac", "网络 שלום"],
)
def test_hostile_names_stay_on_the_canvas(demo, name):
    names = demo["network"].to_pylist()
    rows = demo.set_column(demo.column_names.index("network"), "network", [[name] * len(names)])
    techniques = [name if text == "fine_tuning" else text for text in demo["technique"].to_pylist()]
    rows = rows.set_column(rows.column_names.index("technique"), "technique", [techniques])
    figure = accuracy_vs_compression(rows)
    check(figure)
    root = ElementTree.fromstring(to_svg(figure, inline=True))
    assert not [element for element in root.iter() if element.tag.endswith("script")]

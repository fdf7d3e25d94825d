from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import pytest
from matplotlib.text import Text

from orchestrator.results.figures.accuracy import accuracy_vs_compression
from orchestrator.results.figures.looks import LOOKS
from orchestrator.results.frame import join
from tests.support.records import cell, dense_cell, make_store, record_of, result_grid
from workers.errors import InputError


def grid(path, *, replicates=2, missing=None, **labels):
    """Three techniques at four compressions, whose lines end close to each other."""
    cells = [dense_cell(replicate=replicate, **labels) for replicate in range(replicates)]
    records = [record_of(one, test_score=0.9 + 0.01 * one["replicate"]) for one in cells]
    for rank, technique in enumerate(("fine_tuning", "weight_rewinding", "lr_rewinding")):
        for compression in (2.0, 4.0, 8.0, 16.0):
            for replicate in range(replicates):
                one = cell(technique=technique, compression=compression, replicate=replicate, **labels)
                cells.append(one)
                if (technique, compression, replicate) != missing:
                    records.append(record_of(one, test_score=0.9 - 0.001 * compression - 0.0001 * rank))
    return join(make_store(path, cells, records)).rows


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return grid(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def figure(rows):
    return accuracy_vs_compression(rows, value="delta")


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].get_lines() if not line.get_label().startswith("_")}


def test_lines_are_medians_and_bands_reach_from_min_to_max(figure):
    line = lines(figure)["fine-tuning"]
    assert list(line.get_xdata()) == [2.0, 4.0, 8.0, 16.0]
    assert list(line.get_ydata()) == pytest.approx([-0.7, -0.9, -1.3, -2.1])  # the second dense network is 91 %
    bands = [one for one in figure.axes[0].collections if "FillBetween" in type(one).__name__]
    ys = bands[0].get_paths()[0].vertices[:, 1]
    assert (ys.min(), ys.max()) == (pytest.approx(-2.6), pytest.approx(-0.2))


def test_a_technique_looks_the_same_in_every_figure(rows, figure):
    alone = lines(accuracy_vs_compression(rows, value="delta", filters={"technique": "lr_rewinding"}))["LR rewinding"]
    among = lines(figure)["LR rewinding"]
    for line in (alone, among):
        assert (line.get_color(), line.get_marker()) == (LOOKS["lr_rewinding"].color, LOOKS["lr_rewinding"].marker)


def test_names_at_line_ends_do_not_overlap(figure):
    figure.draw_without_rendering()
    names = figure.axes[0].texts
    assert {text.get_text() for text in names} == {"fine-tuning", "weight rewinding", "LR rewinding", "dense"}
    assert not figure.legends
    boxes = [Text.get_window_extent(text) for text in names]  # without the leaders
    assert not any(one.y0 < other.y1 and other.y0 < one.y1 for one, other in combinations(boxes, 2))
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)


def test_the_caption_says_that_not_all_budgets_could_be_chosen(tmp_path):
    losses = ((0.01, 0.01, 0.01), (0.01, 0.01, 0.01))
    groups = {("fine_tuning", 4.0, budget): losses for budget in ("10ep", "20ep")}
    whole = accuracy_vs_compression(result_grid(tmp_path / "whole", groups)).caption
    lacking = accuracy_vs_compression(
        result_grid(tmp_path / "lacking", groups, missing=[("fine_tuning", "20ep", 0)])
    ).caption
    sentence = " Where a budget has missing or failed replicates, validation chose among the others."
    assert lacking == whole + sentence


def test_an_incomplete_group_has_hollow_dots_no_median_and_a_legend(tmp_path):
    figure = accuracy_vs_compression(grid(tmp_path, missing=("fine_tuning", 16.0, 1)))
    line = lines(figure)["fine-tuning"]
    assert [value == value for value in line.get_ydata()] == [True, True, True, False]
    assert len(figure.legends) == 1
    assert "Hollow dots: replicates are missing." in figure.caption
    assert figure.get_supxlabel().split() == figure.caption.split()


def test_one_replicate_has_no_band(tmp_path):
    figure = accuracy_vs_compression(grid(tmp_path, replicates=1))
    bands = [one for one in figure.axes[0].collections if "FillBetween" in type(one).__name__]
    assert all(not path.vertices.size for band in bands for path in band.get_paths())
    assert "one replicate (n = 1)" in figure.get_supxlabel()


def test_several_budgets_make_several_panels(tmp_path):
    shared = {"trial": "dense_0"}
    cells = [
        dense_cell(),
        cell(**shared, budget="10ep", budget_epochs=10.0),
        cell(**shared, budget="30ep", budget_epochs=30.0),
    ]
    rows = join(make_store(tmp_path, cells, [record_of(cells[0])])).rows
    figure = accuracy_vs_compression(rows, budget=["10ep", "30ep"])
    assert [axes.get_title(loc="left").rpartition(" · ")[2] for axes in figure.axes] == ["budget 10ep", "budget 30ep"]


def test_ticks_stand_at_the_compressions_that_occur(figure):
    axes = figure.axes[0]
    assert list(axes.get_xticks()) == [2.0, 4.0, 8.0, 16.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "2×\n50%",
        "4×\n25%",
        "8×\n12.5%",
        "16×\n6.25%",
    ]


def test_names_of_users_are_not_formulas(tmp_path):
    rows = grid(tmp_path, replicates=1, network="$\\frac")
    figure = accuracy_vs_compression(rows, value="delta")
    figure.draw_without_rendering()
    assert "$\\frac" in figure.axes[0].get_title(loc="left")


def test_nothing_to_draw_is_refused(tmp_path):
    rows = join(make_store(tmp_path, [dense_cell()], [record_of(dense_cell())])).rows
    with pytest.raises(InputError, match="no pruned network to draw"):
        accuracy_vs_compression(rows, value="delta")


def test_drawing_leaves_pyplot_alone():
    program = "import sys, orchestrator.results.figures.accuracy; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"

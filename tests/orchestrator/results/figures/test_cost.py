from __future__ import annotations

import pytest

from orchestrator.results.figures.cost import accuracy_vs_cost, budget_curves
from orchestrator.results.figures.points import evenly, read_grids
from tests.support.figure_geometry import faults, smallest_text
from workers.errors import InputError


def line(figure, name, axes=0):
    [shown] = [line for line in figure.axes[axes].get_lines() if line.get_label() == name]
    return dict(zip(shown.get_xdata(), shown.get_ydata(), strict=True))


def test_the_budget_is_on_the_horizontal_axis(reference):
    figure = budget_curves(
        reference("resnet56"), value="delta", filters="schedule=one_shot,pruning=magnitude", compressions=[9.31]
    )
    fine_tuning = line(figure, "fine-tuning")
    assert list(fine_tuning) == [10, 30, 50, 70, 90, 110, 130, 150, 170, 182]
    assert fine_tuning[182] == pytest.approx(-1.51, abs=0.005)  # paper-spec: R56 one-shot 9.31×, longest t
    assert line(figure, "weight rewinding")[182] == pytest.approx(-3.12, abs=0.005)
    assert line(figure, "LR rewinding")[182] == pytest.approx(-1.18, abs=0.005)


def test_the_safe_zone_is_marked(reference):
    figure = budget_curves(
        reference("resnet56"), value="delta", filters="schedule=one_shot,pruning=magnitude", compressions=[9.31]
    )
    [zone] = [patch for patch in figure.axes[0].patches if patch.get_width() == pytest.approx(0.65 * 182)]
    assert zone.get_x() == pytest.approx(0.25 * 182)


def test_iterative_pruning_pays_for_every_round_and_a_fresh_start_for_the_training(reference):
    figure = accuracy_vs_cost(reference("resnet20"), compressions=[1.56])
    assert max(line(figure, "LR rewinding")) == 182
    assert max(line(figure, "LR rewinding, iterative")) == 2 * 182
    assert max(line(figure, "reinitialization")) == 182 + 182


def test_panels_are_spread_over_the_compressions(demo):
    figure = accuracy_vs_cost(demo)
    titles = [axes.get_title(loc="left").rpartition(" · ")[2] for axes in figure.axes]
    assert titles == ["2×", "4×", "16×", "32×"]
    assert evenly([1, 2, 3], 4) == [1, 2, 3]
    assert evenly(range(10), 4) == [0, 3, 6, 9]


def test_a_single_budget_gives_no_curve(demo):
    with pytest.raises(InputError, match="at least two budgets"):
        budget_curves(demo, filters="schedule=iterative")


def test_compressions_that_do_not_occur_are_refused(demo):
    with pytest.raises(InputError, match="no cell has these compressions"):
        accuracy_vs_cost(demo, compressions=[3])


def test_every_budget_has_its_cell(demo):
    one_shot, iterative = read_grids(demo, "delta", "test", None)
    assert len(one_shot.cells) == 5 * 4 * 2
    assert [(cell.compression, cell.cost) for cell in iterative.cells] == [(2, 16), (4, 32), (8, 48), (16, 64)]
    assert all(0 < cell.multiply_adds < 3e6 for cell in one_shot.cells)


@pytest.mark.parametrize("draw", [accuracy_vs_cost, budget_curves])
def test_no_label_crosses_anything(demo, random_rows, draw):
    for figure in (draw(demo, columns=1), draw(random_rows(2), columns=2)):
        assert faults(figure) == []
        assert smallest_text(figure) >= 7


def test_what_falls_far_below_fine_tuning_is_marked_at_the_edge(reference):
    only = "schedule=one_shot,pruning=magnitude"
    figure = budget_curves(reference("resnet56"), filters=only, compressions=[9.31], cut=True)
    [axes] = figure.axes
    lowest = min(line(figure, "fine-tuning").values())
    assert axes.get_ylim()[0] == pytest.approx(lowest - 1, abs=0.3)
    below = [
        budget for budget, median in line(figure, "low-LR weight rewinding").items() if median < axes.get_ylim()[0]
    ]
    marks = {mark.get_gid(): list(mark.get_xdata()) for mark in axes.get_lines() if mark.get_linestyle() == "None"}
    assert marks == {"technique:low_lr_weight_rewinding:below": below}
    assert below == [170, 182]
    assert "Arrows at the lower edge" in figure.caption
    whole = budget_curves(reference("resnet56"), filters=f"{only},technique!=low_lr_weight_rewinding", cut=True)
    assert "Arrows" not in whole.caption
    assert not [mark for axes in whole.axes for mark in axes.get_lines() if str(mark.get_gid()).endswith(":below")]
    assert faults(figure) == []


def test_the_last_of_three_panels_has_room_for_its_label(reference):
    ratios = [1.25, 1.56, 1.95, 2.44, 3.05, 9.31]
    assert (
        faults(budget_curves(reference("resnet20"), filters="schedule=one_shot", compressions=ratios, cut=True)) == []
    )

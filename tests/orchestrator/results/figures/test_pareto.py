from __future__ import annotations

import pytest

from orchestrator.results.figures.knees import Knee, knees
from orchestrator.results.figures.pareto import ParetoPoint, front, pareto, points_of
from orchestrator.results.figures.points import read_grids
from tests.support.figure_geometry import faults, smallest_text
from workers.errors import InputError


def points(*pairs):
    return [ParetoPoint("lr_rewinding", x, y, y, 100 / x) for x, y in pairs]


def test_the_front_has_what_nothing_beats_with_as_little_or_less():
    assert front(points((3, 9), (1, 5), (2, 4), (2, 7), (1, 3), (4, 9))) == points((1, 5), (2, 7), (3, 9))
    assert front([]) == []


def test_knees_are_where_the_next_bit_buys_less(demo):
    members = [Knee(1, 0, "a"), Knee(2, 5, "b"), Knee(4, 6, "c"), Knee(8, 9, "d"), Knee(16, 9.5, "e")]
    assert [knee.name for knee in knees(members)] == ["a", "b", "d", "e"]
    assert knees([]) == []
    turned = [member._replace(y=-member.y) for member in members]
    assert [knee.name for knee in knees(turned, upward=False)] == ["a", "b", "d", "e"]
    written = [text.get_text() for text in pareto(demo, filters="schedule=iterative").axes[0].texts]
    assert written
    assert set(written) <= {"2×", "4×", "8×", "16×"}


def test_points_are_cells_at_every_budget(demo):
    [one_shot, iterative] = read_grids(demo, "accuracy", "test", None)
    assert len(points_of(one_shot, "weights")) == 5 * 4 * 2
    assert [point.x for point in points_of(iterative, "weights")] == [50, 25, 12.5, 6.25]
    assert [point.x for point in points_of(iterative, "epochs")] == [16, 32, 48, 64]


def test_the_front_is_drawn_as_steps(demo):
    figure = pareto(demo, against="multiply_adds", filters="schedule=iterative")
    [steps] = figure.axes[0].get_lines()
    [grid] = read_grids(demo, "accuracy", "test", "schedule=iterative")
    best = front(points_of(grid, "multiply_adds"))
    assert list(zip(steps.get_xdata(), steps.get_ydata(), strict=True)) == [(point.x, point.y) for point in best]
    assert steps.get_drawstyle() == "steps-post"


def test_what_records_lack_cannot_be_drawn(reference):
    with pytest.raises(InputError, match="no complete cell has its multiply adds"):
        pareto(reference("resnet34"), against="multiply_adds")


def test_no_label_crosses_anything(demo):
    figure = pareto(demo)
    assert faults(figure) == []
    assert smallest_text(figure) >= 7

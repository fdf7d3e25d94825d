from __future__ import annotations

import pytest

from orchestrator.results.figures.line_names import spread


@pytest.mark.parametrize(
    ("positions", "moved"),
    [
        ([1.0, 10.0], [1.0, 10.0]),
        ([5.0, 5.0], [4.5, 5.5]),
        ([2.0, 2.4, 5.0], [1.7, 2.7, 5.0]),
        ([3.0, 1.0, 2.9], [3.45, 1.0, 2.45]),
        ([], []),
    ],
)
def test_centers_are_spread_by_the_least_that_is_needed(positions, moved):
    assert spread(positions, [1.0] * len(positions), 20.0) == pytest.approx(moved)


def test_sizes_may_differ():
    assert spread([5.0, 5.0], [1.0, 3.0], 20.0) == pytest.approx([4.0, 6.0])


def test_intervals_stay_within_the_axis():
    assert spread([0.0, 0.2, 9.9], [1.0, 1.0, 2.0], 10.0) == pytest.approx([0.5, 1.5, 9.0])

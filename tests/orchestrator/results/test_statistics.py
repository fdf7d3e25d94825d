from __future__ import annotations

from operator import itemgetter

import pytest

from orchestrator.results.statistics import group_by, summarize


def test_statistics_of_three_values():
    summary = summarize([0.3, 0.1, 0.2])
    assert (summary.n, summary.n_expected) == (3, 3)
    assert (summary.median, summary.minimum, summary.maximum) == (0.2, 0.1, 0.3)
    assert summary.mean == pytest.approx(0.2, abs=1e-15)
    assert summary.sd == pytest.approx(0.1, abs=1e-15)  # sqrt((0.01 + 0 + 0.01) / 2)


def test_median_of_an_even_number_is_the_middle():
    assert summarize([4.0, 1.0, 2.0, 3.0]).median == 2.5


def test_one_value_has_no_standard_deviation():
    summary = summarize([0.5])
    assert (summary.median, summary.mean, summary.sd) == (0.5, 0.5, None)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_replicate_leaves_a_count_and_no_statistic(missing):
    summary = summarize([0.5, missing, 0.7])
    assert (summary.n, summary.n_expected, summary.complete) == (2, 3, False)
    assert summary.median is summary.minimum is summary.maximum is summary.mean is summary.sd is None


def test_nothing_is_not_complete():
    assert not summarize([]).complete


def test_groups_keep_the_order_of_first_occurrence():
    rows = [{"technique": name} for name in ("b", "a", "b")]
    assert [(key, len(group)) for key, group in group_by(rows, itemgetter("technique")).items()] == [("b", 2), ("a", 1)]

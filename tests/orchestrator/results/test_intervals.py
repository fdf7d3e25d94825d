from __future__ import annotations

import math

import pytest

from orchestrator.results.intervals import (
    RULES,
    holm,
    independent_difference,
    independent_p_value,
    interval,
    paired_difference,
    paired_p_value,
)
from tests.support.places import ROOT


def test_a_t_interval_of_three_values():
    result = interval([1.0, 2.0, 3.0])
    half = 4.302653 / math.sqrt(3)  # the 97.5% point of t with 2 degrees of freedom, times sd = 1 over the root of n
    assert (result.n, result.method, result.middle) == (3, "t", 2.0)
    assert (result.low, result.high) == (pytest.approx(2 - half, abs=1e-6), pytest.approx(2 + half, abs=1e-6))
    assert result.half_width == pytest.approx(half, abs=1e-6)
    assert not result.excludes_zero


def test_seven_values_have_a_t_interval_and_eight_a_bootstrap():
    assert interval([float(value) for value in range(7)]).method == "t"
    result = interval([float(value) for value in range(1, 9)])
    half = 1.96 * math.sqrt(5.25 / 8)  # the variance of a resampled mean is that of the values over n
    assert (result.n, result.method, result.middle) == (8, "bootstrap", 4.5)
    assert (result.low, result.high) == (pytest.approx(4.5 - half, abs=0.15), pytest.approx(4.5 + half, abs=0.15))


def test_a_bootstrap_gives_the_same_numbers_every_time():
    values = [0.3, -0.1, 0.2, 0.4, 0.0, 0.1, -0.2, 0.5, 0.25]
    assert interval(values) == interval(values)


@pytest.mark.parametrize("values", [[0.5], [0.25, 0.75]])
def test_one_or_two_values_have_no_interval(values):
    result = interval(values)
    assert (result.low, result.middle, result.high, result.method) == (None, 0.5, None, "points")
    assert result.half_width is None
    assert not result.excludes_zero


@pytest.mark.parametrize("n", [3, 8])
def test_equal_values_have_an_interval_without_width_and_nothing_to_test(n):
    result = interval([0.1] * n)
    assert (result.low, result.high, result.half_width) == (result.middle, result.middle, 0.0)
    assert paired_p_value([0.3] * n, [0.1] * n) is None
    assert independent_p_value([0.3] * n, [0.1] * n) is None
    assert independent_difference([0.3] * n, [0.1] * n).half_width == pytest.approx(0.0)


def test_rounding_does_not_make_a_difference():
    assert not paired_difference([0.1 + 0.2] * 3, [0.3] * 3).excludes_zero
    assert paired_difference([0.4] * 3, [0.3] * 3).excludes_zero


def test_nearly_equal_values_have_a_finite_bootstrap():
    result = interval([0.0] * 7 + [1.0])
    assert result.low is not None
    assert result.high is not None
    assert 0 <= result.low <= result.middle <= result.high <= 1


def test_no_values_are_an_error():
    with pytest.raises(ValueError, match="needs a value"):
        interval([])


def test_pairs_are_compared_within_themselves():
    ours, theirs = [91.0, 82.0, 73.0], [90.0, 80.0, 70.0]  # differences 1, 2, 3; far apart without pairs
    assert paired_difference(ours, theirs) == interval([1.0, 2.0, 3.0])
    t = 2 / (1 / math.sqrt(3))
    p = 1 - t / math.sqrt(t**2 + 2)  # the distribution at 2 degrees of freedom
    assert paired_p_value(ours, theirs) == pytest.approx(p, abs=1e-9)
    assert paired_p_value(ours[:2], theirs[:2]) is None


def test_pairs_must_be_complete():
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([1.0, 2.0], [1.0])


def test_independent_samples_are_compared_by_welch():
    ours, theirs = [1.0, 2.0, 3.0], [2.0, 4.0, 6.0]
    result = independent_difference(ours, theirs)
    standard_error = math.sqrt(1 / 3 + 4 / 3)
    assert (result.method, result.middle) == ("welch", -2.0)
    assert result.half_width == pytest.approx(3.2192 * standard_error, abs=1e-3)  # t at 2.941 degrees of freedom
    assert independent_p_value(ours, theirs) == pytest.approx(0.2210, abs=1e-3)
    assert independent_difference([1.0, 2.0], theirs).method == "points"
    assert independent_p_value([1.0, 2.0], theirs) is None


def test_intervals_and_p_values_are_those_of_scipy_stats():
    from scipy import stats  # takes a second to import, in each worker of xdist

    ours, theirs = [0.3, -0.1, 0.2, 0.45], [0.1, 0.15, 0.9]
    shown = [interval(ours), independent_difference(ours, theirs)]
    scipy = [stats.ttest_1samp(ours, 0.0), stats.ttest_ind(ours, theirs, equal_var=False)]
    for one, other in zip(shown, scipy, strict=True):
        assert (one.low, one.high) == pytest.approx(tuple(other.confidence_interval(0.95)), rel=1e-9)
    assert independent_p_value(ours, theirs) == pytest.approx(scipy[1].pvalue, rel=1e-9)
    assert paired_p_value(ours, [0.0] * 4) == pytest.approx(scipy[0].pvalue, rel=1e-9)


def test_holm_adjusts_step_by_step():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # as p.adjust in R
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_rules_say_what_the_code_does():
    text = " ".join(RULES)
    assert "95% confidence: by Student's t from 3 replicates" in text
    assert "9,999 resamples, fixed seed) from 8" in text


def test_the_page_about_results_has_every_rule():
    page = " ".join((ROOT / "docs" / "results.md").read_text("utf-8").split())
    for rule in RULES:
        assert rule in page

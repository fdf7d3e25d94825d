"""Comparisons by means and their intervals."""

from __future__ import annotations

import pytest

from orchestrator.results.comparisons.comparison import Side
from orchestrator.results.comparisons.report import compare
from orchestrator.results.frame import join
from orchestrator.results.intervals import independent_difference, interval
from tests.support.records import cell, dense_cell, make_store, record_of

DENSE = (0.90, 0.80, 0.70)  # far apart: only pairs tell what pruning changes


def side(path, losses, done=3):
    """A grid of one technique at 4× that loses so much of each dense network, and at 8× without its last replicate."""
    cells = [dense_cell(replicate=replicate) for replicate in range(3)]
    records = [record_of(one, test_score=DENSE[one["replicate"]]) for one in cells]
    for compression, replicates in ((4.0, 3), (8.0, done)):
        for replicate, loss in enumerate(losses):
            one = cell(technique="lr_rewinding", compression=compression, replicate=replicate)
            cells.append(one)
            if replicate < replicates:
                records.append(record_of(one, test_score=DENSE[replicate] - loss))
    return Side(path.name, join(make_store(path, cells, records)).rows)


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("means")
    return side(folder / "ours", (0.01, 0.02, 0.03)), side(folder / "theirs", (0.05, 0.05, 0.06), done=2)


def test_changes_are_paired_with_the_dense_networks_and_sides_are_not(sides):
    report = compare(*sides, statistic="ci")
    ours, theirs = interval([-1.0, -2.0, -3.0]), interval([-5.0, -5.0, -6.0])
    difference = independent_difference([-1.0, -2.0, -3.0], [-5.0, -5.0, -6.0])
    [row] = [row for row in report.rows() if row["status"] == "compared"]
    assert (row["ours_mean"], row["theirs_mean"]) == (pytest.approx(-2.0), pytest.approx(-16 / 3))
    assert (row["ours_ci_low"], row["ours_ci_high"]) == (pytest.approx(ours.low), pytest.approx(ours.high))
    assert (row["theirs_ci_low"], row["theirs_ci_method"]) == (pytest.approx(theirs.low), "t")
    assert row["mean_difference"] == pytest.approx(10 / 3)
    assert row["mean_difference_ci_low"] == pytest.approx(difference.low)
    assert row["mean_difference_ci_method"] == "welch"
    text = str(report)
    assert "mean [95% confidence interval] of replicates, minus the dense network of the same replicate" in text
    assert "-2.0 [-4.5, +0.5] 10ep" in text
    assert "+3.3 [+1." in text


def test_a_cell_with_a_missing_replicate_has_no_mean(sides):
    [row] = [row for row in compare(*sides, statistic="ci").rows() if row["status"] == "unfinished"]
    assert row["compression"] == 8.0
    assert row["ours_mean"] is row["mean_difference"] is row["ours_ci_low"] is None


def test_means_with_standard_deviations(sides):
    report = compare(*sides, statistic="mean")
    assert "-2.00 ± 1.00 10ep" in str(report)
    [row, _] = report.rows()
    assert row["ours_sd"] == pytest.approx(1.0)
    assert "ours_ci_low" not in row


def test_medians_stay_the_default_and_have_no_columns_of_means(sides):
    report = compare(*sides)
    assert report.settings["statistic"] == "median"
    assert not any("mean" in name for name in report.columns)


def test_compact_comparisons_have_only_numbers(sides):
    text = compare(*sides, statistic="ci").to_text(compact=True)
    [line] = [line.split() for line in text.splitlines() if line.startswith("lr_rewinding")]
    assert line == ["lr_rewinding", "4×", "-2.0", "-5.3", "+3.3", "yes"]

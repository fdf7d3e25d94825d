from __future__ import annotations

import pytest

from orchestrator.results.baseline import contrasts
from orchestrator.results.exports.export import select
from orchestrator.results.frame import join
from orchestrator.results.load import read
from orchestrator.results.table import table
from tests.support.records import cell, dense_cell, make_store, record_of

DENSE = (0.90, 0.80, 0.70)  # far apart: only pairs tell techniques from each other
GAINS = {
    ("lr_rewinding", 4.0): (0.01, 0.02, 0.03),
    ("weight_rewinding", 4.0): (0.01, 0.01, 0.02),
    ("lr_rewinding", 8.0): (0.02, 0.02, 0.02),
    ("weight_rewinding", 8.0): (0.05, 0.06, 0.07),
}


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """Fine-tuning loses nothing, the others gain; one replicate of weight rewinding at 8× is missing."""
    cells = [dense_cell(replicate=replicate) for replicate in range(3)]
    records = [record_of(one, test_score=DENSE[one["replicate"]]) for one in cells]
    for (technique, compression), gains in {
        ("fine_tuning", 4.0): (0.0,) * 3,
        ("fine_tuning", 8.0): (0.0,) * 3,
        **GAINS,
    }.items():
        for replicate, gain in enumerate(gains):
            one = cell(technique=technique, compression=compression, replicate=replicate)
            cells.append(one)
            if (technique, compression, replicate) != ("weight_rewinding", 8.0, 1):
                records.append(record_of(one, test_score=DENSE[replicate] + gain))
    store = make_store(tmp_path_factory.mktemp("baseline") / "store", cells, records)
    [section] = table(join(store).rows, statistic="ci", value="delta").sections
    return section


def test_techniques_are_tested_within_replicates_and_adjusted_together(section):
    tests = {(contrast.technique, contrast.compression): contrast for contrast in contrasts(section)}
    assert set(tests) == {("lr_rewinding", 4.0), ("weight_rewinding", 4.0), ("lr_rewinding", 8.0)}  # 2/3 is not tested
    rewinding = tests["lr_rewinding", 4.0]
    assert (rewinding.baseline, rewinding.paired, rewinding.difference.middle) == (
        "fine_tuning",
        True,
        pytest.approx(2.0),
    )
    assert rewinding.p == pytest.approx(0.07418, abs=1e-5)  # differences 1, 2, 3
    assert tests["weight_rewinding", 4.0].p == pytest.approx(0.05719, abs=1e-5)  # differences 1, 1, 2: t = 4
    assert tests["weight_rewinding", 4.0].adjusted == pytest.approx(2 * 0.05719, abs=1e-4)
    assert rewinding.adjusted == pytest.approx(2 * 0.05719, abs=1e-4)  # never below a smaller one
    assert not rewinding.significant()


def test_equal_differences_are_shown_but_not_tested(section):
    [equal] = [contrast for contrast in contrasts(section) if contrast.compression == 8.0]
    assert (equal.difference.low, equal.difference.high) == (pytest.approx(2.0), pytest.approx(2.0))
    assert (equal.p, equal.adjusted, equal.significant()) == (None, None, False)


def test_without_the_baseline_nothing_is_tested(section):
    assert contrasts(section, "reinitialization") == ()


def test_cells_that_may_be_equal_to_the_best_tie_with_it(section):
    best = {place for place, one in section.cells.items() if one.best}
    assert best == {("lr_rewinding", 4.0), ("weight_rewinding", 4.0), ("fine_tuning", 4.0), ("lr_rewinding", 8.0)}


@pytest.fixture(scope="module")
def study():
    """The published ResNet-56, pruned iteratively."""
    return select(read("renda2020").rows, "network=resnet56,schedule=iterative|dense")


FILTERS = {"compression": 9.31}


def test_published_techniques_are_independent_samples(study):
    [section] = table(study, statistic="ci", value="delta", filters=FILTERS).sections
    tests = {contrast.technique: contrast for contrast in contrasts(section)}
    rewinding = tests["lr_rewinding"]
    assert not rewinding.paired
    assert rewinding.difference.method == "welch"
    assert rewinding.difference.excludes_zero
    assert rewinding.significant()
    assert not tests["low_lr_weight_rewinding"].significant()


def test_a_table_of_intervals_has_the_tests_in_its_data_and_says_which_are_significant(study):
    shown = table(study, statistic="ci", value="delta", filters=FILTERS)
    rows = {row["technique"]: row for row in shown.rows()}
    assert list(rows["lr_rewinding"]) == list(shown.columns)
    assert rows["lr_rewinding"]["baseline"] == "fine_tuning"
    assert rows["lr_rewinding"]["minus_baseline"] == pytest.approx(
        rows["lr_rewinding"]["mean"] - rows["fine_tuning"]["mean"]
    )
    assert rows["lr_rewinding"]["p"] < rows["lr_rewinding"]["p_adjusted"] < 0.05
    assert rows["fine_tuning"]["p"] is rows["dense"]["p"] is None
    [note] = [note for note in shown.printout.notes if note.startswith("Significantly")]
    assert note.endswith(
        "(two-sided Welch's t tests, Holm's correction, 5%): higher weight_rewinding 9.31×, lr_rewinding 9.31×"
    )


def test_tests_of_all_budgets_of_a_grid_are_adjusted_together(study):
    shown = table(study, statistic="ci", value="delta", filters=FILTERS, rows="technique,budget")
    tests = [row for row in shown.rows() if row["p"] is not None]
    smallest = min(tests, key=lambda row: row["p"])
    assert smallest["p_adjusted"] == pytest.approx(smallest["p"] * len(tests))


def test_scores_of_the_images_that_chose_the_budget_carry_a_warning(study):
    shown = table(study, split="validation", filters=FILTERS)
    assert "scores are optimistic" in str(shown)
    assert "scores are optimistic" not in str(table(study, filters=FILTERS))

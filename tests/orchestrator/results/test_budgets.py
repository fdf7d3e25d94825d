from __future__ import annotations

import pytest

from orchestrator.results.budgets import best_budget, pick
from orchestrator.results.rows import Row
from workers.errors import InputError
from workers.metrics.facts import KNOWN_ACCURACY


def row(technique, budget, epochs, *, compression=4.0, dense_epochs=182.0, replicate=0, validation_score=0.9):
    return Row(
        dataset="d",
        network="n",
        recipe="r",
        pruning="p",
        schedule="one_shot",
        technique=technique,
        compression=compression,
        budget=budget,
        budget_epochs=epochs,
        replicate=replicate,
        trial="t",
        step=100,
        validation_score=validation_score,
        mixed_parents=False,
        metric=KNOWN_ACCURACY,
        value=90.0,
        dense=90.0,
        has_own_dense=True,
        dense_epochs=dense_epochs,
        dense_step=1820,
    )


def grid(technique, *epochs, **more):
    return [row(technique, f"{length}ep", float(length), **more) for length in epochs]


def picked(rows, budget):
    return [one.budget for one in pick(rows, budget)[0]]


def test_without_a_budget_it_is_the_only_one_or_chosen_on_validation():
    assert pick(grid("fine_tuning", 10), None)[1] == "10ep"
    rows = grid("fine_tuning", 10, 30)
    assert pick(rows, None) == (rows, "best")
    assert pick([], None) == ([], None)


def test_the_longest_is_that_of_each_cell():
    rows = grid("fine_tuning", 10, 90) + grid("fine_tuning", 10, 30, compression=8.0)
    assert picked(rows, "longest") == ["90ep", "30ep"]


def test_a_fixed_budget_leaves_weight_rewinding_a_tenth_of_the_training():
    rows = grid("lr_rewinding", 150, 170, 182) + grid("weight_rewinding", 150, 170, 182)
    assert picked(rows, "single") == ["182ep", "150ep"]


@pytest.mark.parametrize("dense_epochs", [16.0, 182.0365, 0.7])
def test_nine_tenths_exactly_are_not_too_late_to_rewind(dense_epochs):
    shares = {"50%": 0.5, "90%": 0.9, "100%": 1.0}
    rows = [
        row("weight_rewinding", name, share * dense_epochs, dense_epochs=dense_epochs) for name, share in shares.items()
    ]
    assert picked(rows, "single") == ["90%"]


def test_where_nothing_is_known_of_the_dense_training_weights_are_not_rewound():
    rows = grid("weight_rewinding", 10, dense_epochs=None) + grid("fine_tuning", 10, dense_epochs=None)
    assert [one.technique for one in pick(rows, "single")[0]] == ["fine_tuning"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [("50%", "90ep"), ("100%", "182ep"), ("182.04ep", "182ep"), ("900it", "90ep"), ("90ep", "90ep"), ("49%", "90ep")],
)
def test_a_length_finds_the_budget_within_a_hundredth_of_the_training(asked, found):
    assert picked(grid("fine_tuning", 10, 90, 182), asked) == [found]


def test_the_nearest_length_is_taken_and_every_replicate_of_it():
    rows = [
        row("fine_tuning", budget, epochs, replicate=replicate)
        for budget, epochs in (("90ep", 90.0), ("91ep", 91.0))
        for replicate in range(3)
    ]
    assert picked(rows, "50%") == ["91ep"] * 3


@pytest.mark.parametrize("asked", ["20ep", "25%", "300it", "soon"])
def test_a_budget_that_no_cell_has_is_refused_with_those_there_are(asked):
    with pytest.raises(
        InputError, match=rf"no cell has the budget `{asked}`\n\nhint: use one of best, longest, single, 9"
    ):
        pick(grid("fine_tuning", 90, 182), asked)


def budget(epochs, *validation):
    return [row("fine_tuning", f"{epochs}ep", epochs, validation_score=accuracy) for accuracy in validation]


def test_best_budget_has_the_highest_median_not_the_highest_mean():
    lucky = budget(10.0, 0.80, 0.80, 0.99)
    steady = budget(30.0, 0.82, 0.82, 0.82)
    assert best_budget([lucky, steady]) is steady


def test_best_budget_ties_go_to_the_shortest_in_any_order():
    long, short = budget(90.0, 0.9, 0.8, 0.7), budget(10.0, 0.8, 0.8, 0.8)
    assert best_budget([long, short]) is short
    assert best_budget([short, long]) is short


def test_best_budget_ignores_groups_with_missing_replicates():
    unfinished, finished = budget(90.0, 0.99, 0.99, None), budget(10.0, 0.5, 0.5, 0.5)
    assert best_budget([unfinished, finished]) is finished
    assert best_budget([unfinished]) is None

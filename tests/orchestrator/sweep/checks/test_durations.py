"""Budgets, boundaries and warm-ups that fit into the dense training, and those that do not."""

from __future__ import annotations

import pytest

from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import grid, messages_of, piecewise, recipe, scheduled, sweep


@pytest.mark.parametrize("budget", ["20ep", "100%", "200it"])
def test_the_longest_budget_is_the_dense_training(budget):
    assert spec_from_dict(sweep(grid=grid(budget=budget)))


@pytest.mark.parametrize("budget", ["20.1ep", "201it"])
def test_longer_budgets_are_refused(budget):
    assert messages_of(sweep(grid=grid(budget=["10%", budget]))) == {
        "grid.budget[1]": "is longer than the dense training of recipe `default` (20ep)"
    }


def test_a_budget_in_steps_fits_a_training_that_is_rounded_up():
    data = sweep(recipe=recipe(duration="1ep", batch_size=128), grid=grid(budget="8it"))  # 7.8125 steps, so 8
    assert spec_from_dict(data)
    assert messages_of(data | {"grid": grid(budget="9it")})


def test_a_budget_in_epochs_is_held_against_steps_where_the_size_of_the_data_is_known():
    in_steps = recipe(duration="200it")
    assert spec_from_dict(sweep(recipe=in_steps, grid=grid(budget="20ep")))
    assert messages_of(sweep(recipe=in_steps, grid=grid(budget="21ep")))
    unknown = {"name": "image_parquet", "path": "x"}
    assert spec_from_dict(sweep(dataset=unknown, recipe=in_steps, grid=grid(budget="21ep")))
    assert messages_of(sweep(dataset=unknown | {"train_images": 1000}, recipe=in_steps, grid=grid(budget="21ep")))
    assert messages_of(sweep(dataset=["cifar10", "digits"], recipe=in_steps, grid=grid(budget="21ep")))
    held_out = {"validation": {"holdout": 500}}  # 5 steps an epoch
    assert spec_from_dict(sweep(evaluation=held_out, recipe=in_steps, grid=grid(budget="40ep")))


def test_budgets_are_held_against_the_recipes_and_data_of_their_entry():
    recipes = [recipe(name="short", duration="2ep"), recipe(name="long")]
    assert spec_from_dict(sweep(recipe=recipes, grid=grid(budget="10ep", recipe="long")))
    assert "`short`" in messages_of(sweep(recipe=recipes, grid=grid(budget="10ep")))["grid.budget"]
    data = sweep(recipe=recipe(duration="200it"))
    assert spec_from_dict(data | {"grid": grid(budget="0.3ep", dataset="cifar10")})
    assert messages_of(data | {"grid": grid(budget="0.5ep", dataset="cifar10")})


@pytest.mark.parametrize("boundaries", [("10ep", "15ep"), ("100it", "15ep"), ("50%", "199it"), ("1ep",)])
def test_boundaries_within_training(boundaries):
    assert spec_from_dict(piecewise(*boundaries))


@pytest.mark.parametrize(
    ("boundaries", "field"),
    [
        (("10ep", "10ep"), "boundaries[1]"),
        (("15ep", "100it"), "boundaries[1]"),
        (("15ep", "50%"), "boundaries[1]"),
        (("10ep", "20ep"), "boundaries[1]"),
        (("200it",), "boundaries[0]"),
        (("100%",), "boundaries[0]"),
    ],
)
def test_boundaries_that_cannot_be(boundaries, field):
    assert list(messages_of(piecewise(*boundaries))) == [f"recipe.schedule.{field}"]


@pytest.mark.parametrize("warmup", ["0ep", "5ep", "25%", "10ep"])
def test_a_warmup_before_the_first_boundary(warmup):
    assert spec_from_dict(piecewise("10ep", warmup=warmup))


def test_warmups_that_cannot_be():
    assert list(messages_of(piecewise("10ep", warmup="11ep"))) == ["recipe.schedule.boundaries[0]"]
    assert list(messages_of(piecewise("10ep", warmup="20ep"))) == ["recipe.schedule.warmup"]
    assert list(messages_of(piecewise("10ep", warmup="-1ep"))) == ["recipe.schedule.warmup"]
    assert list(messages_of(scheduled(name="constant", warmup="200it"))) == ["recipe.schedule.warmup"]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"warmup_from": "1%"}, "has no effect without `warmup`"),
        ({"warmup": "1ep", "warmup_from": 0}, "must be a share between 0% and 100%"),
        ({"warmup": "1ep", "warmup_from": 1}, "must be a share between 0% and 100%"),
    ],
)
def test_starts_of_warmups_that_cannot_be(schedule, message):
    assert messages_of(scheduled(name="constant", **schedule)) == {"recipe.schedule.warmup_from": message}

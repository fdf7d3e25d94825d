"""Combinations that are refused, and similar ones that are accepted."""

from __future__ import annotations

import pytest

from orchestrator.sweep.spec import parse_spec, spec_from_dict
from tests.support.sweeps import faults, grid, messages_of, piecewise, problems_of, recipe, scheduled, sweep


def test_factors_of_a_piecewise_schedule():
    exact = spec_from_dict(piecewise("5ep", "10ep", "15ep", factor=0.2)).recipes[0].schedule
    assert exact.factors == (0.2, 0.04, 0.008)
    refused = [
        (piecewise("10ep", factors=[0.1]), "recipe.schedule.factor"),
        (piecewise("10ep", factor=0), "recipe.schedule.factor"),
        (piecewise("10ep", factor="a"), "recipe.schedule.factor"),
        (scheduled(name="piecewise", boundaries=["5ep", "10ep"], factors=[0.1]), "recipe.schedule.factors"),
        (scheduled(name="piecewise", boundaries=["5ep"]), "recipe.schedule"),
        (scheduled(name="piecewise", factors=[0.1]), "recipe.schedule"),
        (scheduled(name="constant", final_rate=0), "recipe.schedule.final_rate"),
        (scheduled(name="constant", boundaries=["5ep"]), "recipe.schedule.boundaries"),
    ]
    for data, field in refused:
        assert list(messages_of(data)) == [field]


@pytest.mark.parametrize("technique", ["fine_tuning", "low_lr_weight_rewinding", "reinitialization"])
def test_the_last_rate_must_be_given_where_the_schedule_has_none(technique):
    ramp = recipe(schedule={"name": "cosine"})
    data = sweep(recipe=ramp, grid=grid(technique=["lr_rewinding", technique]))
    (message,) = messages_of(data).values()
    assert message == f"`{technique}` holds the last learning rate, but a `cosine` schedule does not end with one"
    assert spec_from_dict(data | {"recipe": ramp | {"fine_tuning_rate": 1e-3}})
    assert spec_from_dict(data | {"grid": grid(technique=["lr_rewinding", "weight_rewinding"])})
    assert spec_from_dict(data | {"recipe": recipe(fine_tuning_rate=1e-3)})


def test_the_last_rate_is_not_asked_of_recipes_that_need_none():
    recipes = [recipe(name="ramp", schedule={"name": "linear"}), recipe(name="flat")]
    assert spec_from_dict(sweep(recipe=recipes, grid=grid(technique="fine_tuning", recipe="flat")))


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"technique": ["lr_rewinding", "lr_rewinding"]}, "grid.technique[1]"),
        ({"compression": [4, 8, "4.0"]}, "grid.compression[2]"),
        ({"compression": None, "density": ["1/4", "25%"]}, "grid.density[1]"),
        ({"budget": ["90%", "90.0%"]}, "grid.budget[1]"),
        ({"replicates": [1, 2, 1]}, "grid.replicates[2]"),
        ({"network": ["mlp", {"name": "mlp"}]}, "grid.network[1]"),
        ({"dataset": ["digits", "digits"]}, "grid.dataset[1]"),
        ({"pruning": [{}, {"score": "magnitude"}]}, "grid.pruning[1]"),
        ({"recipe": ["default", "default"]}, "grid.recipe[1]"),
    ],
)
def test_repetitions_are_refused(overrides, field):
    assert messages_of(sweep(grid=grid(**overrides))) == {field: "is given twice"}


def test_recipe_names():
    assert list(messages_of(sweep(recipe=[recipe(name="a"), recipe(name="a")]))) == ["recipe[1].name"]
    assert list(messages_of(sweep(recipe=[recipe(name="a"), recipe()]))) == ["recipe[1]"]
    (problem,) = problems_of(sweep(grid=grid(recipe="defaults")))
    assert (problem.field, problem.message) == ("grid.recipe", "unknown recipe")
    assert problem.hint == "did you mean `default`?"


def test_exactly_one_way_to_say_how_far():
    iterative = {"rounds": 3, "rate": "20%"}
    assert spec_from_dict(sweep(grid=grid(compression=None, iterative=iterative)))
    assert list(messages_of(sweep(grid=grid(compression=None)))) == ["grid"]
    assert list(messages_of(sweep(grid=grid(density=0.5)))) == ["grid.density"]
    assert list(messages_of(sweep(grid=grid(iterative=iterative)))) == ["grid.iterative"]
    assert list(messages_of(sweep(grid=grid(budget=None)))) == ["grid"]


def test_iterative_reinitialization_is_refused():
    entry = grid(technique=["lr_rewinding", "reinitialization"], compression=None)
    iterative = {"iterative": {"rounds": 3, "rate": "20%"}}
    assert list(messages_of(sweep(grid=entry | iterative))) == ["grid.technique[1]"]


def test_iterative_densities_stay_writable():
    precise = {"rounds": 1000, "rate": "0.200001"}
    assert list(messages_of(sweep(grid=grid(compression=None, iterative=precise)))) == ["grid.iterative.rate"]
    assert spec_from_dict(sweep(grid=grid(compression=None, iterative={"rounds": 1000, "rate": "1%"})))


FILTERS = {"structure": "filters", "layers": "resnet56_b"}


def levels(**overrides):
    return grid(**({"compression": None, "levels": [1, 2]} | overrides))


def test_filters_are_pruned_by_levels():
    spec = spec_from_dict(sweep(pruning=FILTERS, grid=levels()))
    assert spec.grids[0].levels == (1, 2)
    assert spec_from_dict(spec.canonical()) == spec
    both = [levels(pruning=FILTERS), grid()]
    assert spec_from_dict(sweep(grid=both)).grids[1].levels is None


@pytest.mark.parametrize(
    ("overrides", "field", "message"),
    [
        ({"grid": levels()}, "grid.levels", "prunes single weights"),
        ({"pruning": FILTERS}, "grid", "`levels` is missing"),
        ({"pruning": FILTERS, "grid": levels(levels=None, iterative={"rounds": 2, "rate": "20%"})}, "grid", "`levels`"),
        ({"pruning": FILTERS, "grid": levels(density=0.5)}, "grid.levels", "cannot be combined with `density`"),
        ({"pruning": [FILTERS, {}], "grid": levels()}, "grid", "cannot prune both single weights and filters"),
        ({"pruning": FILTERS, "grid": levels(levels=[1, 1])}, "grid.levels[1]", "twice"),
        ({"pruning": FILTERS, "grid": levels(levels=0)}, "grid.levels", "whole number"),
        ({"pruning": {"structure": "filters"}, "grid": levels()}, "pruning", "`layers` is missing"),
        ({"pruning": FILTERS | {"layers": "resnet56"}, "grid": levels()}, "pruning.layers", "unknown rule"),
        ({"pruning": FILTERS | {"distribution": "erk"}, "grid": levels()}, "pruning.distribution", "no effect"),
        ({"pruning": FILTERS | {"exclude": "a"}, "grid": levels()}, "pruning.exclude", "no effect"),
        ({"pruning": {"layers": "resnet56_a"}}, "pruning.layers", "has no effect on single weights"),
        ({"pruning": {"structure": "channels"}}, "pruning.structure", "unknown structure"),
    ],
)
def test_structures_that_do_not_fit(overrides, field, message):
    (problem,) = problems_of(sweep(**overrides))
    assert problem.field == field
    assert message in problem.message


def test_dense_networks_have_a_separate_entry():
    dense = {"technique": "dense", "replicates": 3}
    assert spec_from_dict(sweep(grid=dense)).grids[0].replicates == (0, 1, 2)
    assert spec_from_dict(sweep(grid=dense | {"network": "mlp"}))
    assert list(messages_of(sweep(grid=grid(technique=["dense", "lr_rewinding"])))) == ["grid.technique[0]"]
    for key in ("compression", "density", "iterative", "levels", "budget", "pruning"):
        usual = {"pruning": {}, "density": 0.5, "iterative": {"rounds": 2, "rate": "20%"}, "levels": 1} | grid()
        assert messages_of(sweep(grid=dense | {key: usual[key]})) == {f"grid.{key}": "has no effect on dense networks"}


@pytest.mark.parametrize(
    ("overrides", "field", "remedy"),
    [
        ({"dataset": "digit"}, "dataset", "did you mean `digits`?"),
        ({"network": {"name": "resnet21"}}, "network.name", "did you mean `resnet"),
        ({"network": "my-package.models:build"}, "network", "write `module:function`"),
        ({"dataset": {"name": "my_package.data:", "size": 3}}, "dataset.name", "write `module:function`"),
        ({"network": {"name": "resnet8", "widht": 8}}, "network.widht", "did you mean `width`?"),
        ({"network": {"name": "resnet8", "depth": 8}}, "network.depth", "did you mean `width`?"),
        ({"network": {"name": "resnet8", "width": "8"}}, "network.width", "write a value such as `width: 8`"),
        ({"network": {"name": "resnet8", "width": True}}, "network.width", "write a value such as `width: 8`"),
        ({"network": {"name": "mlp", "dropout": "a"}}, "network.dropout", "write a value such as `dropout: 0.1`"),
        ({"network": {"name": "mlp", "hidden": 300}}, "network.hidden", "write a value such as `hidden: [300, 100]`"),
        ({"network": "cifar_resnet"}, "network", "add it, for example `{name: cifar_resnet, depth: 8}`"),
        ({"dataset": {"name": "digits", "root": "x"}}, "dataset.root", "remove it: `digits` takes no arguments"),
        ({"dataset": {"root": "x"}}, "dataset", "add it, for example `name: "),
        ({"grid": grid(network=["mlp", "lenet"])}, "grid.network[1]", "did you mean `resnet8`?"),
    ],
)
def test_names_and_arguments(overrides, field, remedy):
    (problem,) = problems_of(sweep(**overrides))
    assert problem.field == field
    assert problem.hint.startswith(remedy)


def test_arguments_that_fit():
    network = {"name": "mlp", "hidden": [300, 100], "dropout": 0, "batch_norm": True}
    assert spec_from_dict(sweep(network=network)).networks[0].arguments["hidden"] == [300, 100]


def test_functions_of_ones_own_take_any_arguments():
    data = sweep(network={"name": "my_package.models:build", "width": 8}, dataset="data:load")
    spec = spec_from_dict(data)
    assert spec.networks[0].label == "my_package.models:build(width=8)"
    assert spec.datasets[0].name == "data:load"


def test_a_loss_of_ones_own():
    assert spec_from_dict(sweep(recipe=recipe(loss="losses:focal"))).recipes[0].for_worker.loss == "losses:focal"
    assert messages_of(sweep(recipe=recipe(loss="focal"))) == {"recipe.loss": "unknown loss"}
    both = recipe(loss="losses:focal", label_smoothing=0.1)
    assert messages_of(sweep(recipe=both)) == {"recipe.label_smoothing": "has no effect on loss `losses:focal`"}


def test_a_batch_is_whole_groups():
    grouped = recipe(batch_size=128, batch_norm_group=32)
    assert spec_from_dict(sweep(recipe=grouped)).recipes[0].for_worker.batch_norm_group == 32
    clipped = recipe(batch_size=128, clip_grad_norm=5, clip_group=32)
    assert spec_from_dict(sweep(recipe=clipped)).recipes[0].for_worker.clip_group == 32
    assert messages_of(sweep(recipe=clipped | {"clip_group": 48})) == {
        "recipe.clip_group": "must divide `batch_size` (128) without a remainder"
    }
    assert messages_of(sweep(recipe=recipe(clip_group=8))) == {
        "recipe.clip_group": "has no effect without `clip_grad_norm`"
    }
    problem = {"recipe.batch_norm_group": "must divide `batch_size` (128) without a remainder"}
    assert messages_of(sweep(recipe=grouped | {"batch_norm_group": 48})) == problem


def test_holding_out_everything_is_refused():
    assert spec_from_dict(sweep(evaluation={"validation": {"holdout": 999}}))
    held_out = sweep(evaluation={"validation": {"holdout": 1000}}, dataset="cifar10")
    assert spec_from_dict(held_out)
    for data in (held_out | {"dataset": "digits"}, held_out | {"grid": grid(dataset="digits")}):
        assert list(messages_of(data)) == ["evaluation.validation.holdout"]


def test_a_typing_error_does_not_make_a_million_cells():
    entries = [grid(technique=["lr_rewinding", "fine_tuning"], replicates=100_000), grid(replicates=3)]
    (problem,) = problems_of(sweep(grid=entries))
    assert problem.message == "asks for 400,006 cells, more than 100,000"
    assert problem.hint == (
        "ask for fewer than 2 techniques × 2 ratios × 100,000 replicates + 2 ratios × 3 replicates, "
        "or raise `limits.max_cells`"
    )
    assert spec_from_dict(sweep(grid=entries[1], limits={"max_cells": 6}))
    assert problems_of(sweep(grid=entries[1], limits={"max_cells": 5}))
    iterative = grid(compression=None, iterative={"rounds": 1000, "rate": "1%"}, replicates=101)
    assert problems_of(sweep(grid=iterative))


def test_malformed_parts_do_not_hide_impossible_ones():
    text = """\
version: 1
name: small
dataset: digits
network: resnet8
recipe: {duration: 20ep, batch_size: many, optimizer: {name: SGD, lr: 0.1}}
unknown: 1
grid: {technique: [reinitialization, 3], iterative: {rounds: 2}, budget: 30ep, replicates: x}
"""
    assert [problem.field for problem in faults(parse_spec, text)] == [
        "recipe.batch_size",
        "unknown",
        "grid.technique[0]",
        "grid.technique[1]",
        "grid.iterative",
        "grid.budget",
        "grid.replicates",
    ]


def test_densities_of_rounds_may_be_rounded():
    def rounded(**iterative):
        return sweep(grid=grid(compression=None, iterative=iterative))

    [spec] = spec_from_dict(rounded(rounds=5, rate="20%", round_to="0.01%")).grids
    assert [str(density) for density in spec.iterative.densities] == ["4/5", "16/25", "64/125", "256/625", "3277/10000"]
    nothing = "is too coarse: a round prunes nothing"
    assert messages_of(rounded(rounds=9, rate="20%", round_to="10%")) == {"grid.iterative.round_to": nothing}
    empty = "is too coarse: the last round leaves nothing"
    assert messages_of(rounded(rounds=1, rate="80%", round_to="50%")) == {"grid.iterative.round_to": empty}

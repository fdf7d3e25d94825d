"""What a sweep file's mistakes are answered with: the remedy that was most likely meant, and one error for each."""

from __future__ import annotations

import pytest

from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import grid, problems_of, recipe, sweep

OPTIMIZER = {"name": "SGD", "lr": 0.1}


def only_problem(**overrides):
    [problem] = problems_of(sweep(**overrides))
    return problem


@pytest.mark.parametrize(
    ("value", "hint"),
    [(0.5, "write `50%`"), (0.125, "write `12.5%`"), (1, "write `100%`"), (8, "write `8ep`"), (2.5, "write `2.5ep`")],
)
def test_a_budget_without_a_unit(value, hint):
    problem = only_problem(grid=grid(budget=[value]))
    assert (problem.field, problem.message) == ("grid.budget[0]", "needs a unit")
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize(
    ("value", "hint"), [("5 epochs", "write `5ep`"), ("100 steps", "write `100it`"), ("50 percent", "write `50%`")]
)
def test_a_budget_with_its_unit_in_words(value, hint):
    assert only_problem(grid=grid(budget=[value])).hint == hint


def test_a_duration_without_a_unit_is_not_a_share():
    assert only_problem(recipe=recipe(duration=20)).hint.startswith("write `20ep`")


def test_more_than_all_of_the_training():
    assert only_problem(grid=grid(budget="120%")).hint == "the maximum is `100%`"


def test_a_number_that_is_not_whole():
    assert only_problem(recipe=recipe(batch_size=2.5)).hint == "write a whole number"
    assert "without quotes" in only_problem(recipe=recipe(batch_size="100")).hint


def of_rounds(**iterative):
    return grid(compression=None, iterative=iterative)


def test_a_number_in_quotes():
    problem = only_problem(recipe=recipe(optimizer=OPTIMIZER | {"lr": "1e-2"}))
    assert (problem.message, problem.hint) == ("must be a number above 0, not text", "write it without quotes: `1e-2`")


@pytest.mark.parametrize(
    ("overrides", "field", "hint"),
    [
        ({"network": {"type": "resnet20"}}, "network.type", "use `name`"),
        ({"network": [{"nmae": "resnet20"}]}, "network[0].nmae", "use `name`"),
        ({"network": {"width": 8}}, "network", "add it, for example `name: resnet20`"),
        ({"recipe": recipe(optimizer={"lr": 0.1})}, "recipe.optimizer", "add it, for example `name: SGD`"),
        ({"recipe": recipe(optimizer={"type": "SGD", "lr": 0.1})}, "recipe.optimizer.type", "use `name`"),
        ({"recipe": recipe(optimizer={"name": "SGD", "lrr": 0.1})}, "recipe.optimizer.lrr", "use `lr`"),
        ({"recipe": recipe(optimizer={"name": "SGD", "LR": 0.1})}, "recipe.optimizer.LR", "use `lr`"),
        ({"dense": {"form": "a.safetensors"}}, "dense.form", "did you mean `from`?"),
        ({"dense": {"pretrained": "a.safetensors"}}, "dense.pretrained", "use `from`"),
        ({"dense": {"path": "a.safetensors"}}, "dense.path", "use `from`"),
        ({"dense": {"from": "a.safetensors", "path": "b"}}, "dense.path", "use `from`"),
        ({"evaluation": {"validation": {"images": 100}}}, "evaluation.validation.images", "use `holdout`"),
        ({"grid": of_rounds(iterations=5, rate="20%")}, "grid.iterative.iterations", "use `rounds`"),
        ({"grid": of_rounds(rounds=5, amount="20%")}, "grid.iterative.amount", "use `rate`"),
        ({"grid": of_rounds(rounds=5, fraction="20%")}, "grid.iterative.fraction", "use `rate`"),
        (
            {"recipe": recipe(optimizer={"name": "SGD", "learning_rate": 0.1})},
            "recipe.optimizer.learning_rate",
            "use `lr`",
        ),
    ],
)
def test_a_missing_name_or_rate_is_one_error(overrides, field, hint):
    problem = only_problem(**overrides)
    assert (problem.field, problem.hint) == (field, hint)


@pytest.mark.parametrize(
    ("overrides", "field", "hint"),
    [
        ({"grid": grid(compression=None, sparsity=0.9)}, "grid.sparsity", "use `density`"),
        ({"grid": grid(compression=None, amount=0.9)}, "grid.amount", "use `density`"),
        ({"grid": grid(compression=None, pruning_ratio=0.9)}, "grid.pruning_ratio", "use `density`"),
        ({"grid": grid(replicates=None, runs=3)}, "grid.runs", "use `replicates`"),
        ({"recipe": recipe(bs=100)}, "recipe.bs", "use `batch_size`"),
        ({"grid": grid(compression=None, ratio=4)}, "grid.ratio", "use `compression`"),
        ({"grid": grid(seed=1)}, "grid.seed", "use `replicates`"),
        ({"grid": grid(replicates=None, seeds=[1, 2])}, "grid.seeds", "use `replicates`"),
        ({"grid": grid(budget=None, epochs=20)}, "grid.epochs", "use `budget`"),
        ({"recipe": recipe(lr=0.1)}, "recipe.lr", "use `optimizer:"),
    ],
)
def test_other_words_for_a_key(overrides, field, hint):
    problem = only_problem(**overrides)
    assert (problem.field, problem.message) == (field, "unknown key")
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize(
    ("overrides", "own"),
    [
        ({"network": "my_network"}, "my_network:build"),
        ({"network": "resnet21"}, "module:build"),
        ({"dataset": "my_data"}, "my_data:load"),
        ({"grid": grid(technique="lr_rewindin")}, "module:function"),
        ({"recipe": recipe(loss="focal")}, "focal:function"),
        ({"pruning": {"score": "magnitud"}}, "module:function"),
    ],
)
def test_an_unknown_name_may_be_a_function_of_the_user(overrides, own):
    assert only_problem(**overrides).hint.endswith(f"; your own: `{own}`")


FILTERS = {"structure": "filters", "layers": "resnet56_a"}
LEVELS = grid(compression=None, levels=[1])


@pytest.mark.parametrize(
    ("overrides", "fields"),
    [
        (
            {"recipe": recipe(optimizer={"nmae": "SGD", "learning_rate": 0.1, "mometum": 0.9})},
            ["optimizer.nmae", "optimizer.learning_rate", "optimizer.mometum"],
        ),
        ({"network": {"nmae": "resnet8", "wdith": 8}}, ["nmae", "wdith"]),
        ({"dataset": {"name": "image_folder", "paht": "images"}}, ["dataset.paht"]),
        (
            {"recipe": recipe(schedule={"name": "piecewise", "boundary": ["10ep"], "facotr": 0.1})},
            ["boundary", "facotr"],
        ),
        ({"recipe": recipe(schedule={"name": "cosine"}, fine_tune_rate=0.1)}, ["fine_tune_rate"]),
        ({"recipe": [recipe(naem="a"), recipe(name="b")], "grid": grid(recipe=["a", "b"])}, ["recipe[0].naem"]),
        ({"recipe": None, "recepie": recipe(name="a"), "grid": grid(recipe="a")}, ["recepie"]),
        ({"prunning": FILTERS, "grid": LEVELS}, ["prunning"]),
        (
            {"pruning": {"layers": "resnet56_a", "structur": "filters"}, "grid": LEVELS},
            ["structur"],
        ),
        (
            {"pruning": {"layer": "resnet56_a", "structure": "filters"}, "grid": grid(compression=None, level=[1])},
            ["pruning.layer", "grid.level"],
        ),
    ],
)
def test_misspelled_keys_are_one_error_each(overrides, fields):
    problems = problems_of({key: value for key, value in sweep(**overrides).items() if value is not None})
    assert all(problem.message.startswith("unknown ") for problem in problems)
    assert all(problem.field.endswith(field) for problem, field in zip(problems, fields, strict=True))


@pytest.mark.parametrize(
    ("overrides", "field", "meant"),
    [
        ({"grid": grid(compression=None, compresion=[4])}, "grid.compresion", "compression"),
        ({"grid": grid(compression=None, densty="25%")}, "grid.densty", "density"),
        ({"grid": grid(budget=None, budgets="90%")}, "grid.budgets", "budget"),
        ({"grid": grid(technique=None, techniques="lr_rewinding")}, "grid.techniques", "technique"),
        ({"grid": grid(compression=None, iterativ={"rounds": 2, "rate": "20%"})}, "grid.iterativ", "iterative"),
    ],
)
def test_a_misspelled_key_is_one_error(overrides, field, meant):
    problem = only_problem(**overrides)
    assert (problem.field, problem.message) == (field, "unknown key")
    assert f"did you mean `{meant}`?" in problem.hint


@pytest.mark.parametrize(
    ("overrides", "field", "hint"),
    [
        ({"loss": "my_losses:focal"}, "loss", "move it into `recipe`"),
        ({"recipe": {"optimizer": OPTIMIZER, "batch_size": 100}, "duration": "20ep"}, "duration", "move it into `rec"),
        ({"lr": 0.1}, "lr", "in `recipe`, use `optimizer: {name: SGD, lr: 0.1}`"),
        ({"momentum": 0.9}, "momentum", "move it into `recipe.optimizer`, written as `{name: …, momentum: …}`"),
        ({"boundaries": ["10ep"]}, "boundaries", "move it into `recipe.schedule`"),
        ({"width": 8}, "width", "move it into `network`, written as `{name: …, width: …}`"),
        ({"image_size": 32}, "image_size", "move it into `dataset`, written as"),
        ({"replicates": 3}, "replicates", "move it into `grid`"),
        ({"seeds": 3}, "seeds", "in `grid`, use `replicates`"),
        ({"rounds": 3}, "rounds", "move it into `grid.iterative`"),
        ({"exclude": ["classifier.*"]}, "exclude", "move it into `pruning`"),
        ({"holdout": 100}, "holdout", "move it into `evaluation.validation`"),
        ({"gpus": 1}, "gpus", "move it into `resources`"),
        ({"timeout": "3h"}, "timeout", "in `limits`, use `trial_timeout`"),
        ({"grid": grid(batch_size=100)}, "grid.batch_size", "move it into `recipe`"),
        ({"grid": grid(store="runs/x")}, "grid.store", "move it to the top level"),
        ({"recipe": recipe(model="resnet8")}, "recipe.model", "at the top level, use `network`"),
        ({"network": {"name": "resnet8", "batch_size": 8}}, "network.batch_size", "move it into `recipe`"),
        ({"recipe": recipe(optimizer=OPTIMIZER | {"loss": "a:b"})}, "recipe.optimizer.loss", "move it into `recipe`"),
        ({"name": "digits", "unlike": 1}, "unlike", "use one of version, name"),
    ],
)
def test_a_key_at_the_wrong_level_is_one_error_that_names_the_right_one(overrides, field, hint):
    problem = only_problem(**overrides)
    assert problem.field == field
    assert problem.hint.startswith(hint)


def test_a_compression_as_tables_print_it():
    assert only_problem(grid=grid(compression=[4, "9.31×"])).hint == "write it without the sign: `9.31`"
    assert only_problem(grid=grid(compression="8x")).hint == "write it without the sign: `8`"


def test_what_is_missing_is_said_if_no_key_is_misspelled():
    assert "is missing" in only_problem(grid=grid(compression=None)).message
    assert {problem.field for problem in problems_of(sweep(grid=grid(budget=None, unlike=1)))} == {
        "grid",
        "grid.unlike",
    }


@pytest.mark.parametrize(
    ("network", "hint"),
    [
        ("my_network.build", "write `my_network:build` if it is your own function"),
        ("my_package.models.build", "write `my_package.models:build` if it is your own function"),
        ("my_network.py:build", "write `my_network:build`"),
        ("./models/net.py:build", "write `models.net:build`"),
        ("./models/net.py", "write `models.net:function` if it is your own function"),
        ("models/net:build", "write `models.net:build`"),
        ("resnet2O", "did you mean `resnet20`?"),
    ],
)
def test_a_network_of_ones_own_in_another_spelling(network, hint):
    assert only_problem(network=network).hint.startswith(hint)


def test_a_folder_of_images_as_a_data_set():
    assert only_problem(dataset="./images").hint.startswith("write `{name: image_folder, path: ./images}`")


@pytest.mark.parametrize("name", ["LBFGS", "Rprop", "SparseAdam"])
def test_an_optimizer_that_torch_has_is_not_unknown(name):
    assert spec_from_dict(sweep(recipe=recipe(optimizer={"name": name, "lr": 0.1})))

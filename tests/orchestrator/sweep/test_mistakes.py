"""Mistakes in a sweep file are shown where they are, all at once."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import load_spec, parse_spec, spec_from_dict
from tests.support.sweeps import WHOLE, faults, grid, messages_of, problems_of, recipe, sweep


def test_a_mistake_is_shown_where_it_is():
    text = WHOLE.replace("compression: [4,", "compression: [0.5,")
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "a.yaml")
    assert str(caught.value) == (
        "a.yaml:33:19: `grid[0].compression[0]`: a compression ratio must be at least 1: 0.5\n"
        '  33 |     compression: [0.5, 9.31, "0.8^-5"]\n'
        "     |                   ^^^\n"
        "hint: write `density: 0.5` to keep that share of the weights"
    )


def test_all_mistakes_show_at_once_in_the_order_of_the_file():
    text = """\
version: 1
name: Digits
dataset: digits
network: {name: resnet21}
recipe: {duration: 20ep, batch_size: 100, optimizre: {name: SGD, lr: 0.1}}
grid:
  technique: [lr_rewinding, reinitialization]
  density: 1.5
  iterative: {rounds: 10, rate: 20%}
  budget: [30ep, 40]
"""
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "f")
    assert [(problem.where, problem.field) for problem in caught.value.problems] == [
        ("f:2:7", "name"),
        ("f:4:17", "network.name"),
        ("f:5:43", "recipe.optimizre"),
        ("f:7:29", "grid.technique[1]"),
        ("f:8:12", "grid.density"),
        ("f:9:3", "grid.iterative"),
        ("f:10:12", "grid.budget[0]"),
        ("f:10:18", "grid.budget[1]"),
    ]
    assert caught.value.problems[2].hint.startswith("did you mean `optimizer`?")
    assert len(caught.value.reports()) == 8
    assert str(caught.value).count("\nhint: ") == 8


def test_without_a_file_mistakes_are_shown_by_path():
    (problem,) = problems_of(sweep(grid=[grid(compression=[4, 0.5])]))
    assert problem.where == problem.field == "grid[0].compression[1]"
    assert str(problem).startswith("`grid[0].compression[1]`: a compression ratio must be at least 1: 0.5\nhint: ")


def test_a_newer_version_is_the_only_problem():
    assert messages_of({"version": 2, "matrix": 3}) == {"version": "needs a newer prunesweep"}


def test_what_is_missing_is_named():
    assert [problem.message for problem in problems_of({"version": 1})] == [
        "`name` is missing",
        "`dataset` is missing",
        "`network` is missing",
        "`recipe` is missing",
        "`grid` is missing",
    ]


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"version": "1"}, "version"),
        ({"version": True}, "version"),
        ({"name": "a/b"}, "name"),
        ({"name": "con.txt"}, "name"),
        ({"name": "nul"}, "name"),
        ({"name": "a."}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": 2024}, "name"),
        ({"description": ""}, "description"),
        ({"code_version": 2}, "code_version"),
        ({"dataset": []}, "dataset"),
        ({"dataset": 3}, "dataset"),
        ({"grid": []}, "grid"),
        ({"grid": None}, "grid"),
        ({"keep": "some"}, "keep"),
        ({"store": 3}, "store"),
        ({"pruning": {"score": "gradient"}}, "pruning.score"),
        ({"pruning": {"distribution": "local"}}, "pruning.distribution"),
        ({"pruning": {"exclude": []}}, "pruning.exclude"),
        ({"evaluation": {"validation": "120%"}}, "evaluation.validation"),
        ({"evaluation": {"validation": {"holdout": 0}}}, "evaluation.validation.holdout"),
        ({"evaluation": {"validation": {"share": 0.2, "holdout": 5}}}, "evaluation.validation.share"),
        ({"evaluation": {"batch_norm_batches": -1}}, "evaluation.batch_norm_batches"),
        ({"resources": {"gpus": 0.3}}, "resources.gpus"),
        ({"resources": {"gpus": 1.5}}, "resources.gpus"),
        ({"resources": {"cpus": 0}}, "resources.cpus"),
        ({"resources": {"dense": {"gpus": 1}}}, "resources.dense.gpus"),
        ({"resources": {"gpus": "1/4", "dense": {"gpus": 0}}}, "resources.dense.gpus"),
        ({"resources": {"gpus": "1/4", "dense": {"gpu": 1}}}, "resources.dense.gpu"),
        ({"limits": {"max_cells": 0}}, "limits.max_cells"),
        ({"recipe": recipe(duration="50%")}, "recipe.duration"),
        ({"recipe": recipe(duration="0ep")}, "recipe.duration"),
        ({"recipe": recipe(duration=20)}, "recipe.duration"),
        ({"recipe": recipe(duration="99999999999it")}, "recipe.duration"),
        ({"recipe": recipe(batch_size=0)}, "recipe.batch_size"),
        ({"recipe": recipe(batch_size="128")}, "recipe.batch_size"),
        ({"recipe": recipe(batch_size=True)}, "recipe.batch_size"),
        ({"recipe": recipe(optimizer={"name": "SGD", "lr": 0})}, "recipe.optimizer.lr"),
        ({"recipe": recipe(optimizer={"name": "SGD", "lr": float("nan")})}, "recipe.optimizer.lr"),
        ({"recipe": recipe(optimizer={"name": "SGD", "lr": 0.1, "momentum": {"a": 1}})}, "recipe.optimizer.momentum"),
        ({"recipe": recipe(optimizer={"name": "SGD", "lr": 0.1, "a": [float("inf")]})}, "recipe.optimizer.a"),
        ({"recipe": recipe(optimizer="SGD")}, "recipe.optimizer"),
        ({"recipe": recipe(schedule="cosine")}, "recipe.schedule"),
        ({"recipe": recipe(schedule={"name": "plateau"})}, "recipe.schedule.name"),
        (
            {"recipe": recipe(schedule={"name": "cosine", "final_rate": -1}, fine_tuning_rate=1)},
            "recipe.schedule.final_rate",
        ),
        ({"recipe": recipe(decay_batch_norm="yes")}, "recipe.decay_batch_norm"),
        ({"recipe": recipe(batch_norm_momentum=0)}, "recipe.batch_norm_momentum"),
        ({"recipe": recipe(batch_norm_group=1)}, "recipe.batch_norm_group"),
        ({"recipe": recipe(normalization="imagenet")}, "recipe.normalization"),
        ({"recipe": recipe(normalization={"mean": [0.5], "std": [0]})}, "recipe.normalization.std[0]"),
        ({"recipe": recipe(normalization={"mean": [0.5, 0.4], "std": 0.2})}, "recipe.normalization.std"),
        ({"recipe": recipe(label_smoothing=1)}, "recipe.label_smoothing"),
        ({"recipe": recipe(clip_grad_norm=0)}, "recipe.clip_grad_norm"),
        ({"recipe": recipe(precision="fp16")}, "recipe.precision"),
        ({"grid": grid(technique="rewinding")}, "grid.technique"),
        ({"grid": grid(technique=[])}, "grid.technique"),
        ({"grid": grid(compression="50%")}, "grid.compression"),
        ({"grid": grid(compression=float("inf"))}, "grid.compression"),
        ({"grid": grid(compression=None, density=0)}, "grid.density"),
        ({"grid": grid(compression=None, density="110%")}, "grid.density"),
        ({"grid": grid(compression=None, iterative={"rounds": 0, "rate": "20%"})}, "grid.iterative.rounds"),
        ({"grid": grid(compression=None, iterative={"rounds": 3, "rate": 1})}, "grid.iterative.rate"),
        ({"grid": grid(compression=None, iterative=3)}, "grid.iterative"),
        ({"grid": grid(budget="0%")}, "grid.budget"),
        ({"grid": grid(budget="-1ep")}, "grid.budget"),
        ({"grid": grid(budget="101%")}, "grid.budget"),
        ({"grid": grid(budget="2.5it")}, "grid.budget"),
        ({"grid": grid(replicates=0)}, "grid.replicates"),
        ({"grid": grid(replicates=10**12)}, "grid.replicates"),
        ({"grid": grid(replicates=[-1])}, "grid.replicates[0]"),
        ({"grid": grid(replicates=[2**31])}, "grid.replicates[0]"),
        ({"grid": grid(replicates=True)}, "grid.replicates"),
        ({"color": "red"}, "color"),
        ({"recipe": recipe(color="red")}, "recipe.color"),
    ],
)
def test_one_mistake_gives_one_problem(overrides, field):
    (problem,) = problems_of(sweep(**overrides))
    assert problem.field == field
    assert problem.message
    assert problem.hint


@pytest.mark.parametrize("data", [{1, 2}, {"a": Fraction(1, 2)}, {"a": {(1, 2): 3}}, None, [], "version: 1", 3])
def test_data_that_is_not_a_sweep_at_all(data):
    with pytest.raises(SpecError):
        spec_from_dict(data)


def test_random_bytes_are_never_more_than_a_spec_error(tmp_path):
    path = tmp_path / "sweep.yaml"

    @settings(max_examples=50)
    @given(st.binary(max_size=200))
    def check(content):
        path.write_bytes(content)
        with pytest.raises(SpecError) as caught:
            load_spec(path)
        assert str(caught.value)

    check()


KEYS = st.sampled_from(
    re.findall(
        r"\w+",
        """version name dataset network pruning recipe evaluation grid store keep resources limits duration batch_size
        optimizer lr schedule boundaries factor factors warmup final_rate technique compression density iterative
        rounds rate budget replicates exclude validation holdout normalization mean std gpus max_cells hidden width""",
    )
)


WORDS = st.sampled_from(["20ep", "50%", "0.8^5", "-1it", "1/0", "dense", "lr_rewinding", "digits", "mlp", "piecewise"])


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS


ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=150)
@given(st.dictionaries(KEYS, ANYTHING, max_size=10), st.booleans())
def test_random_data_are_never_more_than_a_spec_error(data, from_a_valid_one):
    for problem in faults(spec_from_dict, (sweep() if from_a_valid_one else {}) | data):
        assert problem.message
        assert problem.hint


@settings(max_examples=150)
@given(st.sampled_from(["grid", "recipe"]), st.dictionaries(KEYS, ANYTHING, max_size=4))
def test_random_entries_are_never_more_than_a_spec_error(key, data):
    entry = (grid() if key == "grid" else recipe()) | data
    for problem in faults(spec_from_dict, sweep(**{key: entry})):
        assert str(problem)


@settings(max_examples=150)
@given(st.integers(0, len(WHOLE) - 1), st.text(max_size=3), st.integers(0, 10))
def test_a_damaged_file_is_never_more_than_a_spec_error(place, inserted, removed):
    for problem in faults(parse_spec, WHOLE[:place] + inserted + WHOLE[place + removed :]):
        assert problem.where.startswith("sweep.yaml:")

"""Sweep files as settings: what is understood, what is filled in, what is said of mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import load_spec, parse_spec, spec_from_dict
from orchestrator.sweep.values import Duration
from tests.support.places import ROOT
from tests.support.sweeps import faults, grid, messages_of, problems_of, recipe, sweep
from workers.trial import Evaluation, Pruning, Recipe

WHOLE = """\
version: 1
name: digits
description: five techniques
code_version: "2"
dataset: [digits, {name: synthetic, train_images: 500}]
network: {name: resnet8, width: 8}
pruning:
  - {}
  - {exclude: ["classifier.*"]}
recipe:
  - name: short
    duration: 20ep
    batch_size: 100
    optimizer: {name: SGD, lr: 0.1, momentum: 0.9, weight_decay: 2e-4}
    schedule: {name: piecewise, boundaries: [10ep, 75%], factor: 0.1, warmup: 1ep}
    decay_batch_norm: false
    batch_norm_momentum: 0.1
    crop_padding: 1
    horizontal_flip: true
    normalization: {mean: [0.5], std: [0.25]}
    label_smoothing: 0.1
    clip_grad_norm: 5
    precision: bf16
  - name: cosine
    duration: 300it
    batch_size: 50
    optimizer: {name: AdamW, lr: 1e-3, betas: [0.9, 0.99]}
    schedule: {name: cosine, final_rate: 1e-5}
    fine_tuning_rate: 1e-4
evaluation: {validation: {holdout: 100}, batch_norm_batches: 3}
grid:
  - technique: [fine_tuning, lr_rewinding]
    compression: [4, 9.31, "0.8^-5"]
    budget: [25%, 10ep]
    replicates: 3
  - {technique: lr_rewinding, density: [50%, 1/8], budget: 30it, replicates: [5, 7], recipe: cosine, dataset: digits}
  - {technique: lr_rewinding, iterative: {rounds: 10, rate: 20%}, budget: 90%}
  - {technique: dense, replicates: 5}
store: runs/digits
keep: results_only
resources: {cpus: 2, gpus: 0.25}
limits: {max_cells: 500}
"""
SPEC = parse_spec(WHOLE)
CANONICAL = SPEC.canonical()


def test_a_whole_file():
    spec = parse_spec(WHOLE)
    assert (spec.name, spec.description, spec.code_version) == ("digits", "five techniques", "2")
    assert [(d.name, d.arguments, d.label) for d in spec.datasets] == [
        ("digits", {}, "digits"),
        ("synthetic", {"train_images": 500}, "synthetic(train_images=500)"),
    ]
    assert [network.label for network in spec.networks] == ["resnet8(width=8)"]
    assert [pruning.label for pruning in spec.prunings] == ["magnitude", "magnitude(exclude=[classifier.*])"]
    assert [pruning.for_worker for pruning in spec.prunings] == [Pruning(), Pruning(exclude=("classifier.*",))]
    assert spec.evaluation.for_worker == Evaluation(validation_share=None, batch_norm_batches=3)
    assert spec.evaluation.holdout == 100
    assert (spec.store, spec.keep, spec.limits.max_cells) == ("runs/digits", "results_only", 500)
    assert (spec.resources.cpus, spec.resources.gpus) == (2, Fraction(1, 4))


def test_recipes():
    short, cosine = parse_spec(WHOLE).recipes
    assert short.duration == Duration(Fraction(20), "ep")
    assert (short.optimizer.lr, short.fine_tuning_rate) == (0.1, None)
    assert [str(boundary) for boundary in short.schedule.boundaries] == ["10ep", "75%"]
    assert short.schedule.factors == (0.1, 0.01)
    assert str(short.schedule.warmup) == "1ep"
    assert short.for_worker == Recipe(
        batch_size=100,
        optimizer="SGD",
        optimizer_arguments={"momentum": 0.9, "weight_decay": 2e-4},
        decay_batch_norm=False,
        crop_padding=1,
        horizontal_flip=True,
        normalization=[[0.5], [0.25]],
        label_smoothing=0.1,
        clip_grad_norm=5.0,
        batch_norm_momentum=0.1,
        precision="bf16",
    )
    assert (cosine.schedule.name, cosine.schedule.final_rate, cosine.fine_tuning_rate) == ("cosine", 1e-5, 1e-4)
    assert cosine.for_worker == Recipe(
        batch_size=50, optimizer="AdamW", optimizer_arguments={"betas": [0.9, 0.99]}, normalization="per_image"
    )


def test_grids():
    one_shot, density, iterative, dense = parse_spec(WHOLE).grids
    assert one_shot.techniques == ("fine_tuning", "lr_rewinding")
    assert one_shot.densities == (Fraction(1, 4), Fraction(100, 931), Fraction(4, 5) ** 5)
    assert [str(budget) for budget in one_shot.budgets] == ["25%", "10ep"]
    assert one_shot.replicates == (0, 1, 2)
    assert (one_shot.datasets, one_shot.recipe, one_shot.iterative) == (None, None, None)
    assert density.densities == (Fraction(1, 2), Fraction(1, 8))
    assert (density.replicates, density.recipe) == ((5, 7), ("cosine",))
    assert [dataset.label for dataset in density.datasets] == ["digits"]
    assert iterative.densities == ()
    assert (iterative.iterative.rounds, iterative.iterative.rate) == (10, Fraction(1, 5))
    assert (dense.techniques, dense.densities, dense.budgets) == (("dense",), (), ())


def test_what_is_left_out_is_filled_in():
    spec = spec_from_dict(sweep())
    assert spec.evaluation.for_worker == Evaluation()
    assert [pruning.for_worker for pruning in spec.prunings] == [Pruning()]
    assert (spec.store, spec.keep, spec.limits.max_cells) == (None, "all", 100_000)
    assert (spec.resources.cpus, spec.resources.gpus) == (1, 0)
    assert spec.recipes[0].name == "default"
    assert spec.recipes[0].schedule.name == "constant"
    assert spec.recipes[0].for_worker == Recipe(batch_size=100, optimizer="SGD")


def test_pruning_is_a_score_and_a_distribution():
    prunings = [{"score": "random"}, {"score": "shuffled", "distribution": "erk"}, {"distribution": "lamp"}]
    spec = spec_from_dict(sweep(pruning=prunings))
    assert [pruning.label for pruning in spec.prunings] == [
        "random",
        "shuffled(distribution=erk)",
        "magnitude(distribution=lamp)",
    ]
    assert spec.prunings[1].for_worker == Pruning(score="shuffled", distribution="erk")
    assert spec_from_dict(spec.canonical()) == spec


def test_one_and_a_list_of_one_are_the_same():
    listed = {key: [sweep()[key]] for key in ("dataset", "network", "recipe", "grid")}
    assert spec_from_dict(sweep()) == spec_from_dict(sweep(**listed))
    assert spec_from_dict(sweep(dataset={"name": "digits"})) == spec_from_dict(sweep())


def test_the_canonical_form_is_json_and_gives_the_same_sweep():
    spec = parse_spec(WHOLE)
    data = spec.canonical()
    assert spec_from_dict(json.loads(json.dumps(data, allow_nan=False))) == spec
    assert spec_from_dict(data).canonical() == data
    assert data["grid"][0]["compression"] == ["4", "9.31", "3.0517578125"]
    assert data["recipe"][1]["schedule"] == {"name": "cosine", "final_rate": 1e-5, "warmup": "0it"}


def test_settings_are_frozen():
    spec = spec_from_dict(sweep())
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_the_order_of_keys_is_nothing(seed):
    random = Random(seed)

    def shuffled(value):
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in random.sample(sorted(value), len(value))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert spec_from_dict(shuffled(CANONICAL)) == SPEC


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


def test_reading_a_sweep_is_light():
    code = "import sys, orchestrator.sweep.spec; print({'torch', 'ray', 'pandas', 'numpy'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_the_template_is_a_valid_sweep():
    template = ROOT / "orchestrator" / "templates" / "digits.yaml"
    assert load_spec(template).grids


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

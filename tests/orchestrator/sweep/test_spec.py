"""Sweep files as settings: what is understood, what is filled in, what is said of mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.sweep.spec import load_spec, parse_spec, spec_from_dict
from orchestrator.sweep.values import Duration
from tests.support.places import ROOT
from tests.support.sweeps import WHOLE, sweep
from workers.trial import Evaluation, Pruning, Recipe

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


def test_reading_a_sweep_is_light():
    code = "import sys, orchestrator.sweep.spec; print({'torch', 'ray', 'pandas', 'numpy'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_the_template_is_a_valid_sweep():
    template = ROOT / "orchestrator" / "templates" / "digits.yaml"
    assert load_spec(template).grids

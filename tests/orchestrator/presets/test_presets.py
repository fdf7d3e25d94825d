"""Presets: the paper's experiments to the last cell, what they cost, and the same in small."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from fractions import Fraction as F

import pyarrow.parquet as parquet
import pytest
import torch

from orchestrator.planning.crossing import Crossing
from orchestrator.planning.expand import make_plan
from orchestrator.presets import PresetChoice, preset, presets
from orchestrator.presets.catalog import shipped_facts
from orchestrator.presets.cost import cost, known_facts
from orchestrator.sweep.spec import parse_spec
from tests.support import preset_facts
from tests.support.places import SHARED
from workers import schedules
from workers.errors import InputError
from workers.models.build import prunable
from workers.models.translation.gnmt import gnmt

REFERENCE = SHARED / "reference" / "renda2020_results.parquet"

RUNS = {
    "resnet20-one-shot": 1500,
    "resnet20-iterative": 1200,
    "resnet56-one-shot": 1500,
    "resnet56-iterative": 2040,
    "resnet110-one-shot": 1500,
    "resnet110-iterative": 1200,
    "resnet50-one-shot": 1500,
    "resnet50-iterative": 900,
    "resnet56-structured-a": 750,
    "resnet56-structured-b": 750,
    "resnet110-structured-a": 750,
    "resnet110-structured-b": 750,
    "resnet34-structured-a": 750,
    "resnet34-structured-b": 750,
    "gnmt-one-shot": 3750,
    "gnmt-iterative": 3000,
}
"""Rows of the study's data: 22,590 in all."""

NAMES = list(presets())


def plan_of(name, **choice):
    chosen = PresetChoice(name=name, **choice)
    spec = chosen.spec()
    return make_plan(Crossing.of(spec, known_facts(preset(name), spec)))


def dense_of(plan):
    """The dense training of the first replicate."""
    return next(planned.trial for planned in plan.trials.values() if planned.trial.stage == "dense")


@pytest.fixture(scope="module")
def plans():
    return {name: plan_of(name) for name in NAMES}


@pytest.fixture
def undrawn(monkeypatch):
    """Networks with weights of 0: no fact depends on the weights, and drawing 70 million takes seconds."""
    for name in ("trunc_normal_", "normal_", "kaiming_uniform_"):
        monkeypatch.setattr(torch.nn.init, name, lambda weights, **_: torch.nn.init.zeros_(weights))


@pytest.mark.usefixtures("undrawn")
def test_what_is_shipped_of_the_networks_is_what_they_are():
    described = json.loads(json.dumps(preset_facts.describe_presets(without=preset_facts.LARGE)))
    assert described == {name: facts for name, facts in shipped_facts().items() if name not in preset_facts.LARGE}
    weights = {name: sum(dict(facts["network"]["prunable"]).values()) for name, facts in shipped_facts().items()}
    assert weights == {
        "resnet8(width=8)": 19_528,
        "resnet20": 271_152,
        "resnet56": 851_760,
        "resnet110": 1_722_672,
        "vgg16": 14_715_584,
        "resnet50": 25_502_912,
        "resnet34": 21_783_744,
        "gnmt": 197_879_808,
        "gnmt(layers=2, units=128)": 2_423_552,
    }


def test_what_is_shipped_of_gnmt_is_what_it_is():
    with torch.device("meta"):
        network = gnmt(vocabulary=32_316)
    facts = shipped_facts()["gnmt"]
    weights = prunable(network)
    assert facts["dataset"] == preset_facts.WMT16.to_json()
    assert facts["network"]["prunable"] == [[name, weight.numel()] for name, weight in weights.items()]
    assert [layer["shape"] for layer in facts["network"]["layers"]] == [list(w.shape) for w in weights.values()]
    parameters = 197_879_809
    assert facts["network"]["parameters"] == parameters
    of_adam = 8 * parameters + 26 * 8  # two tensors of each, and a count of steps
    assert facts["network"]["checkpoint_bytes"] == 4 * parameters + of_adam + 197_879_808
    cells, embeddings = 2 * 8_388_608 + 12_582_912 + 2 * 8_388_608, 32_316 * 1024
    tokens = 25 * (cells + 1024 * 1024) + 26 * (4 * 12_582_912 + 1024 * 1024 + embeddings)
    of_attention = 26 * 25 * 2 * 1024
    assert facts["network"]["multiply_adds"] == tokens + of_attention


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_a_commented_sweep_file_of_its_name(name):
    text = preset(name).text
    assert parse_spec(text).name == name
    assert text.startswith("# ")
    assert text.count("  # ") >= 4
    assert "$" not in text


def test_every_experiment_of_the_paper_has_as_many_runs_as_the_paper(plans):
    runs = {name: len(plan.cells) - 3 for name, plan in plans.items()}
    assert {name: runs[name] for name in RUNS} == RUNS
    assert sum(RUNS.values()) == 22_590
    assert set(NAMES) - set(RUNS) == {"digits", "translation-small", "vgg16-one-shot", "vgg16-iterative"}
    assert (runs["vgg16-one-shot"], runs["vgg16-iterative"]) == (1500, 1200)


def test_cells_are_those_of_the_studys_data(plans):
    if not REFERENCE.exists():
        pytest.skip("the published data are not next to this checkout")
    columns = ["network", "structure", "schedule", "technique", "density", "budget_epochs"]
    rows = parquet.read_table(REFERENCE, columns=columns).to_pylist()
    for name in RUNS:
        network, _, grid = name.partition("-")
        experiment = (
            network,
            grid.replace("-", "_") if "structured" in grid else "unstructured",
            "iterative" if grid == "iterative" else "one_shot",
        )
        is_rounded = grid == "one-shot" or network == "gnmt"
        places = 4 if is_rounded else 10  # of densities in the data
        halves = 1 if network == "gnmt" else 0
        theirs = Counter(
            (row["technique"], round(row["density"], places), row["budget_epochs"])
            for row in rows
            if (row["network"], row["structure"], row["schedule"]) == experiment
        )
        ours = Counter(
            (cell.technique, round(float(cell.density), places), round(cell.budget_epochs, halves))
            for cell in plans[name].cells
            if cell.technique != "dense"
        )
        assert ours == theirs, name


def test_costs_are_those_of_the_whole_plans(plans):
    for name in ("digits", "resnet20-one-shot", "resnet50-iterative", "resnet56-structured-a"):
        found, plan = cost(preset(name)), plans[name]
        assert (found.cells, found.trials) == (len(plan.cells), len(plan.trials))
        assert found.epochs == pytest.approx(plan.shared_epochs(), rel=1e-12)
        assert found.epochs_without_sharing == pytest.approx(plan.unshared_epochs(), rel=1e-12)
    assert plans["resnet20-one-shot"].shared_steps() == 40_552_194
    assert plans["resnet20-one-shot"].unshared_steps() == 186_122_250


@pytest.mark.parametrize("network", ["resnet20", "resnet56", "resnet110", "vgg16"])
def test_cifar10_is_trained_as_in_the_paper(plans, network):
    plan = plans[f"{network}-iterative"]
    dense = dense_of(plan)
    assert next(cell.stop.step for cell in plan.cells if cell.technique == "dense") == 71_108
    rates = [schedules.rate(dense.rates, step) for step in (0, 35_546, 35_547, 53_125, 53_126)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    recipe = dense.task.recipe
    decay = 5e-4 if network == "vgg16" else 2e-4
    assert (recipe.optimizer, recipe.optimizer_arguments) == ("SGD", {"momentum": 0.9, "weight_decay": decay})
    assert (recipe.batch_size, recipe.crop_padding, recipe.horizontal_flip) == (128, 4, True)
    assert (recipe.normalization, recipe.decay_batch_norm, recipe.batch_norm_momentum) == ("per_image", True, None)


@pytest.mark.parametrize("name", ["resnet50-one-shot", "resnet34-structured-b"])
def test_imagenet_is_trained_as_in_the_paper(plans, name):
    plan = plans[name]
    dense = dense_of(plan)
    assert next(cell.stop.step for cell in plan.cells if cell.technique == "dense") == 112_590
    epoch = 1251.14
    epochs = {0: 0.0, 2.5: 0.2, 5.01: 0.4, 29.99: 0.4, 30.01: 0.04, 59.99: 0.04, 60.01: 0.004, 80.01: 0.0004}
    for when, rate in epochs.items():
        assert schedules.rate(dense.rates, round(when * epoch)) == pytest.approx(rate, rel=1e-3), when
    recipe = dense.task.recipe
    assert recipe.optimizer_arguments == {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}
    assert (recipe.batch_size, recipe.random_resized_crop, recipe.horizontal_flip) == (1024, True, True)
    assert (recipe.decay_batch_norm, recipe.precision) == (False, "bf16")
    assert recipe.normalization == [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]


@pytest.mark.parametrize("name", ["gnmt-one-shot", "gnmt-iterative"])
def test_gnmt_is_trained_as_in_the_paper(plans, name):
    plan = plans[name]
    dense = dense_of(plan)
    assert next(cell.stop.step for cell in plan.cells if cell.technique == "dense") == 8_630
    steps = {0: 0.00002, 199: 0.002 * 0.01 ** (1 / 200), 200: 0.002, 6_471: 0.002, 6_472: 0.001, 8_628: 0.00025}
    for step, rate in (steps | {8_629: 0.000125}).items():
        assert schedules.rate(dense.rates, step) == pytest.approx(rate, rel=1e-15), step
    tuned = next(cell for cell in plan.cells if cell.technique == "fine_tuning" and cell.budget == "10%")
    assert schedules.rate(plan.trials[tuned.stop.trial].trial.rates, 0) == 0.00025
    recipe = dense.task.recipe
    assert (recipe.optimizer, recipe.optimizer_arguments, recipe.precision) == ("TFAdam", {}, "bf16")
    assert (recipe.batch_size, recipe.clip_grad_norm, recipe.clip_group) == (2048, 5.0, 256)
    assert recipe.loss == "token_cross_entropy"
    assert recipe.loss_arguments == {"reduction": "sum", "label_smoothing": 0.1}
    densities = {float(cell.density) for cell in plan.cells}
    assert densities == {1.0, *(round(0.8**power, 4) for power in range(1, 26))}
    assert [metric.name for metric in plan.spec.worker_evaluation.metrics] == ["bleu"]


@pytest.mark.parametrize("scale", ["0.5", "5%", "1/300", "0.00001"])
@pytest.mark.parametrize("name", NAMES)
def test_every_scaled_preset_plans_with_all_in_proportion(plans, name, scale):
    share = F(scale.rstrip("%")) / (100 if "%" in scale else 1)
    small, full = plan_of(name, scale=scale), plans[name]
    whole, total = full.cells[0].stop.step, small.cells[0].stop.step
    assert total == math.ceil(whole * share)
    assert len(small.cells) < len(full.cells)
    assert {cell.technique for cell in small.cells} == {cell.technique for cell in full.cells}
    assert max(cell.density for cell in small.cells) == max(cell.density for cell in full.cells)
    begin = 0
    for segment, original in zip(dense_of(small).rates, dense_of(full).rates, strict=False):
        begin += segment.steps or 0
        if segment.steps and original.steps and share > F(1, 1000):  # the last one has no end
            wanted = sum(part.steps for part in dense_of(full).rates[: dense_of(small).rates.index(segment) + 1])
            is_in_steps = name.startswith(("gnmt", "translation"))  # whole ones, not epochs
            assert abs(begin - wanted * share) <= (2 if is_in_steps else 1.2)


def test_a_scaled_preset_says_what_was_scaled_and_keeps_to_it():
    choice = PresetChoice(name="resnet20-one-shot", scale="0.05")
    spec = choice.spec()
    assert (spec.name, spec.store) == ("resnet20-one-shot-scale-0.05", "runs/resnet20-one-shot-scale-0.05")
    assert spec.datasets[0].arguments == {"root": "data", "train_images": 2500, "test_images": 500}
    assert spec.recipes[0].batch_norm_momentum == pytest.approx(1 - 0.997**20, abs=5e-5)
    [grid] = spec.grids
    assert grid.density == (F(4, 5), F(4, 5) ** 5, F(4, 5) ** 10)
    assert [str(budget) for budget in grid.budgets] == ["10ep", "90ep", "100%"]
    assert grid.replicates == (0,)
    assert choice.notes() == [
        "resnet20-one-shot at scale 0.05:",
        "  images: 2,500 of 50,000 to train on, 500 of 10,000 to test",
        "  training: 3556it instead of 71108it",
        "  BatchNorm momentum: 0.05832 instead of 0.003",
        "  grid: 3 of 10 densities, 3 of 10 budgets, 1 of 3 replicates",
    ]
    assert choice.text().startswith("# resnet20-one-shot at scale 0.05:\n#   images")


def test_where_there_are_more_images_than_in_proportion_there_are_fewer_epochs():
    plan = plan_of("resnet20-one-shot", scale="0.001")  # 500 images, and not 50: a tenth of the epochs
    spec = plan.spec
    assert spec.datasets[0].arguments["train_images"] == 500
    assert [str(budget) for budget in spec.grids[0].budgets] == ["1ep", "9ep", "100%"]
    assert [str(boundary) for boundary in spec.recipes[0].schedule.boundaries] == ["9.1ep", "13.6ep"]
    assert plan.cells[0].stop.step == 72


def test_imagenet_keeps_its_batch_norm_momentum_and_scales_its_warm_up():
    spec = PresetChoice(name="resnet50-iterative", scale="0.0001").spec()  # 500 images for 128.1: epochs × 0.2562
    assert spec.recipes[0].batch_norm_momentum is None
    assert str(spec.recipes[0].schedule.warmup) == "1.281167ep"
    assert spec.grids[0].iterative.rounds == 3
    assert spec.datasets[0].arguments["train_images"] == 500


def test_scaled_down_without_the_data():
    spec = PresetChoice(name="resnet34-structured-a", scale="0.01", stand_in="digits").spec()
    assert spec.datasets[0].label == "digits"
    assert (spec.recipes[0].random_resized_crop, spec.recipes[0].crop_padding) == (False, 1)
    assert spec.recipes[0].normalization == "per_image"
    assert spec.name == "resnet34-structured-a-scale-0.01-digits"
    made_up = PresetChoice(name="resnet20-iterative", scale="0.01", stand_in="synthetic", cpu=True).spec()
    assert made_up.datasets[0].arguments["train_images"] == 500
    assert (made_up.resources.cpus, made_up.resources.gpus) == (1, 0)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"name": "resnet20"}, "unknown preset: `resnet20`(.|\n)*did you mean"),
        ({"name": "digits", "scale": "0"}, "`--scale` must be from 0.00001 to 1: `0`"),
        ({"name": "digits", "scale": "1e-400"}, ": `1e-400`"),
        ({"name": "digits", "scale": "2"}, ": `2`"),
        ({"name": "digits", "scale": "small"}, ": `small`"),
        ({"name": "digits", "data": "."}, "inside the package"),
        ({"name": "resnet20-one-shot", "stand_in": "digits"}, "(?s)`--dataset` needs `--scale`: digits.*add `--scale`"),
        ({"name": "resnet20-one-shot", "stand_in": "mnist", "scale": "0.1"}, "use one of digits, synthetic"),
        (
            {"name": "resnet20-one-shot", "stand_in": "digits", "data": "."},
            "`--data` cannot be combined",
        ),
        ({"name": "resnet20-one-shot", "data": "nowhere"}, "(?s)CIFAR-10 not found in `nowhere`.*cifar-10-batches-py"),
        (
            {"name": "gnmt-one-shot", "data": "nowhere"},
            "(?s)WMT16 not found in `nowhere`.*train.tok.clean.bpe",
        ),
        (
            {"name": "gnmt-one-shot", "stand_in": "digits", "scale": "0.1"},
            "`--dataset` has images, but the networks of this preset translate sentences: digits",
        ),
        ({"name": "resnet50-one-shot", "data": "nowhere"}, "(?s)ImageNet not found in `nowhere`.*`train` and `val`"),
    ],
)
def test_what_does_not_fit_together_is_refused(choice, message):
    with pytest.raises(InputError, match=message):
        PresetChoice(**choice).text()


def test_data_are_found_in_each_of_their_forms(tmp_path):
    (tmp_path / "a" / "cifar-10-batches-py").mkdir(parents=True)
    (tmp_path / "b: c" / "data").mkdir(parents=True)
    (tmp_path / "b: c" / "data" / "train.parquet").touch()
    for part in ("train", "val"):
        (tmp_path / "d" / part).mkdir(parents=True)

    def dataset(name, folder):
        [found] = PresetChoice(name=name, data=str(tmp_path / folder)).spec().datasets
        return found.name, found.arguments

    assert dataset("resnet20-one-shot", "a") == ("cifar10", {"root": str(tmp_path / "a")})
    assert dataset("vgg16-iterative", "b: c") == ("image_parquet", {"path": str(tmp_path / "b: c")})
    assert dataset("resnet50-one-shot", "d") == (
        "image_folder",
        {"path": str(tmp_path / "d"), "image_size": 224, "workers": 8},
    )
    (tmp_path / "d" / "train.tok.clean.bpe.32000.en").touch()
    for name in ("train.en", "train.de", "test.en", "test.de"):
        (tmp_path / "a" / name).touch()
    [named] = parse_spec(preset("translation-small").text).datasets
    assert dataset("translation-small", "a") == (named.name, named.arguments | {"path": str(tmp_path / "a")})
    assert dataset("gnmt-iterative", "d") == ("wmt16_en_de", {"path": str(tmp_path / "d")})
    text = PresetChoice(name="resnet20-one-shot", data=str(tmp_path / "a")).text()
    assert text.count("  # ") == preset("resnet20-one-shot").text.count("  # ") - 1


def test_a_run_wants_the_data_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="CIFAR-10 not found in `data`"):
        PresetChoice(name="resnet20-one-shot").with_data().text()
    (tmp_path / "data" / "cifar-10-batches-py").mkdir(parents=True)
    assert PresetChoice(name="resnet20-one-shot").with_data().spec().datasets[0].arguments == {"root": "data"}


def test_listing_and_planning_presets_needs_neither_torch_nor_data(tmp_path):
    program = (
        "import sys; from orchestrator.cli import app\n"
        "def refuse(*_, **__): raise AssertionError('inspected data')\n"
        "import subprocess; subprocess.run = refuse\n"
        "app(['list', 'presets', '--json'], standalone_mode=False)\n"
        "print('---')\n"
        "app(['plan', '--preset', 'resnet34-structured-a', '--json'], standalone_mode=False)\n"
        "print('---')\n"
        "print([name for name in ('torch', 'ray', 'pandas') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    listed, planned, imported = process.stdout.split("---\n")
    assert imported == "[]\n"
    assert json.loads(listed)
    assert json.loads(planned)["cells"] == 753

"""Every command that reports a compression says which share of the network is in question."""

from __future__ import annotations

import json

import pytest

import prunesweep as ps

SWEEP = """
version: 1
name: small
dataset: digits
network: "small_net:build"
store: store
recipe: {duration: 2it, batch_size: 100, optimizer: {name: SGD, lr: 0.05}, schedule: {name: constant}}
grid: {technique: lr_rewinding, compression: 4, budget: 50%}
"""

NETWORK = """
from torch import nn

def build(input_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.LayerNorm(10), nn.Linear(10, classes))
"""

WHOLE = "Prunable in small_net:build on digits: 740 of 780 parameters, 95%"  # 640 + 10, 10 + 10, 100 + 10


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small_net.py").write_text(NETWORK)
    (tmp_path / "small.yaml").write_text(SWEEP)
    return tmp_path


def test_every_command_says_what_a_compression_counts(prunesweep, folder):
    assert WHOLE in prunesweep.here("plan", "small.yaml")
    assert "warning" not in prunesweep.stderr
    [share] = json.loads(prunesweep.here("plan", "small.yaml", "--json"))["prunable"]
    assert (share["prunable"], share["parameters"]) == (740, 780)
    prunesweep.here("run", "small.yaml", "--in-process")
    assert WHOLE in prunesweep.stderr
    assert WHOLE in prunesweep.here("status", "store")
    assert WHOLE in prunesweep.here("table", "store")
    frame = ps.frame(folder / "store")
    assert list(zip(frame.prunable_weights, frame.parameters, strict=True)) == [(740, 780)] * 2
    card = ps.export_model(folder / "store", "technique=lr_rewinding", folder / "models").card
    assert (card["prunable_weights"], card["parameters"], card["kept_weights"]) == (740, 780, 185)
    assert card["accuracy"]["precision"] == "fp32"


def test_a_small_share_is_a_warning(prunesweep, folder):
    sweep = folder / "small.yaml"
    sweep.write_text(SWEEP + "pruning: {exclude: ['3.*']}\n")
    assert "640 of 780 parameters, 82%" in prunesweep.here("plan", "small.yaml")
    assert "warning: only part of small_net:build can be pruned (640 of 780 parameters, 82%)" in prunesweep.stderr
    prunesweep.here("run", "small.yaml", "--in-process", "--quiet")
    assert "warning: only part of small_net:build can be pruned" in prunesweep.stderr
    assert "Prunable in" not in prunesweep.stderr


def test_a_store_without_the_number_of_parameters_says_nothing(prunesweep, folder):
    prunesweep.here("run", "small.yaml", "--in-process")
    for path in (folder / "store" / "facts").iterdir():
        path.unlink()
    assert "parameters" not in prunesweep.here("status", "store") + prunesweep.here("table", "store")
    assert ps.frame(folder / "store").parameters.isna().all()


def test_layers_name_what_is_left_out_and_why(prunesweep, folder):
    sweep = folder / "small.yaml"
    sweep.write_text(SWEEP + "pruning: {distribution: uniform+}\n")
    lines = prunesweep.here("plan", "small.yaml", "--layers").splitlines()
    assert [line.split() for line in lines if line] == [
        *(lines[0].split(), ["layer", "shape", "weights", "multiply-adds"]),
        ["1.weight", "10×64", "640", "640"],
        ["3.weight", "10×10", "100", "100", "uniform+", "keeps", "at", "least", "20"],
        ["Left", "out:", "40", "parameters"],
        ["parameter", "shape", "weights", "multiply-adds", "reason"],
        *(["1.bias", "10", "10", "0", "bias"], ["2.weight", "10", "10", "0", "normalization"]),
        *(["2.bias", "10", "10", "0", "normalization"], ["3.bias", "10", "10", "0", "bias"]),
    ]
    [listed] = json.loads(prunesweep.here("plan", "small.yaml", "--layers", "--json"))
    assert [row["weights"] for row in listed["left_out"]] == [10, 10, 10, 10]
    assert listed["multiply_adds_without_layer"] == 0

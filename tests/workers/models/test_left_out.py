"""What pruning leaves alone, and why."""

from __future__ import annotations

import math
import threading

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.support import tiny
from workers.data.loading import load_facts
from workers.errors import BadInput
from workers.models.build import build, prunable
from workers.models.left_out import left_out
from workers.trial import Network


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = parametrizations.weight_norm(nn.Conv2d(1, 2, 3, bias=False))
        self.norm = nn.LayerNorm(3)
        self.positions = nn.Embedding(5, 4)
        self.recurrent = nn.LSTM(2, 1, bias=False)
        self.bilinear = nn.Bilinear(2, 2, 1, bias=False)
        self.gain = nn.Parameter(torch.ones(1))
        self.first = nn.Linear(2, 3)
        self.second = nn.Linear(2, 3, bias=False)
        self.second.weight = self.first.weight
        self.head = nn.Linear(3, 2, bias=False)


REASONS = {
    "gain": (1, "in Mixed, not pruned by default"),
    "convolution.parametrizations.weight.original0": (2, "scale of `convolution.weight`"),
    "norm.weight": (3, "normalization"),
    "norm.bias": (3, "normalization"),
    "positions.weight": (20, "embedding"),
    "recurrent.weight_ih_l0": (8, "recurrent layer"),
    "recurrent.weight_hh_l0": (4, "recurrent layer"),
    "bilinear.weight": (4, "in Bilinear, not pruned by default"),
    "first.bias": (3, "bias"),
    "head.weight": (6, "excluded by `head.*`"),
    "second.weight": (0, "tied to `first.weight`"),
}


def test_every_parameter_is_prunable_or_left_out_for_a_reason():
    network = Mixed()
    rows = left_out(network, exclude=["head.*"])
    assert {row.name: (row.weights, row.reason) for row in rows} == REASONS
    counted = sum(weight.numel() for weight in prunable(network, exclude=["head.*"]).values())
    assert counted == 18 + 6
    assert counted + sum(row.weights for row in rows) == sum(parameter.numel() for parameter in network.parameters())


def test_what_is_included_is_not_left_out():
    names = [row.name for row in left_out(Mixed(), include=["positions.*", "gain", "recurrent.*"])]
    assert names == [
        name for name in REASONS if name.partition(".")[0] not in {"positions", "gain", "recurrent", "head"}
    ]


def test_a_matrix_that_is_computed_in_an_unknown_way_is_excluded_by_name():
    network = nn.Sequential(parametrizations.orthogonal(nn.Linear(2, 2, bias=False)), nn.Linear(2, 2, bias=False))
    [row] = left_out(network, exclude=["0.weight"])
    assert (row.name, row.weights, row.reason) == ("0.parametrizations.weight.original", 4, "excluded by `0.weight`")


class Unused(nn.Module):
    def __init__(self, input_shape, classes):
        super().__init__()
        self.used, self.never = nn.LazyLinear(classes), nn.LazyLinear(3)

    def forward(self, inputs):
        return self.used(inputs.flatten(1))


def test_a_lazy_layer_that_is_never_used_is_refused():
    task = tiny.task(network=Network(name=f"{__name__}:Unused", arguments={}))
    with pytest.raises(BadInput, match=r"never uses a lazy layer, whose parameter has no shape: `never\.weight`"):
        build(task.network, load_facts(task.dataset), task.recipe, 0, "dense")


class Locked(nn.Linear):
    def __init__(self, input_shape, classes):
        super().__init__(math.prod(input_shape), classes)
        self.lock = threading.Lock()

    def forward(self, inputs):
        return super().forward(inputs.flatten(1))


def test_a_network_that_cannot_be_copied_is_refused_with_the_remedy():
    task = tiny.task(network=Network(name=f"{__name__}:Locked", arguments={}))
    with pytest.raises(BadInput, match=r"cannot be copied: cannot pickle .*lock.*\n\nhint: keep locks"):
        build(task.network, load_facts(task.dataset), task.recipe, 0, "dense")

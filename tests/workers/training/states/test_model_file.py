"""Files of trained networks, read as the README does."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load

from tests.support.places import ROOT
from workers.training.states.model_file import model_file
from workers.training.states.state import State, dump_state
from workers.trial import Stop

NETWORK = {name: torch.rand(2) for name in ("attn.mask", "mask", "conv.weight", "conv.weight.mask", "norm.mask.mask")}
MASKS = {"conv.weight": torch.tensor([True, False])}


def test_masks_are_told_from_buffers_with_such_names():
    assert 'name.endswith("..mask")' in Path(ROOT, "README.md").read_text("utf-8")
    data, _ = dump_state(State("t", 3, dict(NETWORK), {}, dict(MASKS)))
    written = model_file(data, "checkpoint", Stop("t", 3))
    tensors = load(written.data)
    masks = {name: tensors.pop(name) for name in list(tensors) if name.endswith("..mask")}
    assert tensors.keys() == NETWORK.keys()
    assert all(torch.equal(tensor, NETWORK[name]) for name, tensor in tensors.items())
    assert masks.keys() == written.masks.keys() == {"conv.weight..mask"}
    assert torch.equal(masks["conv.weight..mask"], MASKS["conv.weight"])
    assert written.masks == {"conv.weight..mask": "conv.weight"}

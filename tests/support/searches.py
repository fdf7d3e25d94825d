"""A search on a network that trains in milliseconds, and what it writes."""

from __future__ import annotations

import re

import torch

import prunesweep as ps
from orchestrator.driver.options import RunOptions
from tests.support.places import ROOT
from workers.data.loading import open_data
from workers.models.build import build
from workers.trial import Dataset, Network, Recipe

SWEEP = """\
version: 1
name: tiny
dataset: {name: synthetic, train_images: 80, test_images: 200, classes: 4, channels: 1, size: 6}
network: {name: mlp, hidden: [16, 12], batch_norm: true}
recipe:
  duration: 6ep
  batch_size: 16
  optimizer: {name: SGD, lr: 0.1, momentum: 0.9}
  batch_norm_momentum: 0.1
"""
IN_PROCESS = RunOptions(in_process=True, quiet=True, checkpoint_seconds=0)
ASKED = {"tolerance": 20, "rate": "60%"}
README = ROOT / "README.md"


def prune(folder, **asked):
    return ps.prune(folder / "tiny.yaml", folder / "store", **({"options": IN_PROCESS} | ASKED | asked))


def files_of(folder, name="store-pruned"):
    return {path.name: path.read_bytes() for path in (folder / name).iterdir()}


def loaded(model):
    """The network that a card describes, with the weights of its file, and the masks; as the README loads them."""
    facts = open_data(DATA, torch.device("cpu")).facts
    network = build(Network(**model.card["build"]), facts, RECIPE, 1, "dense")
    python = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    [code] = [block for block in python if "load_file" in block]
    known = {"network": network}
    exec(code.replace("runs/digits-pruned/digits.safetensors", model.model), known)
    return network, known["masks"]


DATA = Dataset(
    name="synthetic", arguments={"train_images": 80, "test_images": 200, "classes": 4, "channels": 1, "size": 6}
)
RECIPE = Recipe(batch_size=16, optimizer="SGD")

"""Presets so small that a CPU runs one in seconds, through the code of the full ones."""

from __future__ import annotations

from orchestrator.presets import PresetChoice
from orchestrator.sweep.spec import SweepSpec, spec_from_dict
from orchestrator.sweep.yaml_source import read_yaml

BATCH = 4


def tiny(name: str, folder: str | None = None) -> SweepSpec:
    """A preset with trainings of about ten steps, on made-up images or, one of ImageNet, on those in a folder."""
    scale = "0.1" if name == "digits" else "0.0001"
    choice = PresetChoice(name=name, scale=scale, data=folder, stand_in=None if folder else "synthetic", cpu=True)
    sweep = read_yaml(choice.text().encode(), name).data
    recipe, images = sweep["recipe"], sweep["dataset"]
    fewer = recipe["batch_size"] // BATCH  # images in a batch and in all, so that an epoch has as many steps
    recipe["batch_size"] = BATCH
    images |= {"train_images": max(1, images["train_images"] // fewer), "test_images": 36}
    if folder:
        images |= {"image_size": 32, "workers": 0}
    else:
        images["size"] = 8 if sweep["network"] in ("resnet20", "resnet56", "resnet110") or name == "digits" else 32
    return spec_from_dict(sweep)

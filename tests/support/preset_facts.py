"""What the package ships of the networks of its presets: `python -m tests.support.preset_facts` rewrites it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from orchestrator.planning.crossing import questions
from orchestrator.presets import presets
from orchestrator.presets.catalog import TEMPLATES
from orchestrator.sweep.spec import parse_spec
from workers.data.image_facts import ImageFacts
from workers.data.loading import load_facts
from workers.describe.answers import describe_network

IMAGENET = ImageFacts(
    train_images=1_281_167,
    test_images=50_000,
    channels=3,
    height=224,
    width=224,
    classes=1000,
    fingerprint="",  # of the files, which only they tell
)
"""ILSVRC 2012."""


def describe_presets() -> dict[str, dict[str, Any]]:
    """By network, what `workers.describe` answers to the first preset that has it; of ImageNet, without the files."""
    torch.set_num_threads(1)  # as describe does
    answers: dict[str, dict[str, Any]] = {}
    for preset in presets().values():
        if preset.network not in answers:
            [question, *_] = questions(parse_spec(preset.text))
            images = IMAGENET if question.dataset.name == "image_folder" else load_facts(question.dataset)
            network = describe_network(question.network, images, question.recipe, question.pruning)
            answers[preset.network] = {"dataset": images.to_json(), "network": network}
    return answers


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in describe_presets().items())
    Path(str(TEMPLATES.joinpath("facts.json"))).write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")

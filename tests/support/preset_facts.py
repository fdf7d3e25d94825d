"""What the package ships of the networks of its presets: `python -m tests.support.preset_facts` rewrites it."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from orchestrator.planning.crossing import questions
from orchestrator.presets import presets
from orchestrator.presets.catalog import TEMPLATES
from orchestrator.sweep.spec import parse_spec
from workers.data.examples.facts import ExampleFacts
from workers.data.image_facts import ImageFacts
from workers.data.loading import load_facts
from workers.data.translation.pairs import Pairs
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

WMT16 = ExampleFacts(
    train_examples=3_534_981,  # of 4,068,191 pairs, those with at most 47 tokens on both sides
    test_examples=2169,
    validation_examples=3003,
    fingerprint="",
    sampled=Pairs.of([[3] * 25, [3] * 47], [[3] * 25, [3] * 47]).take(torch.tensor([0])).batch(),
    offers={"vocabulary": 32_316},
    noun="sentence pair",
)
"""English and German as MLPerf's script prepares them; a pair has about 25 tokens on each side."""

HELP = ExampleFacts(
    train_examples=21_554,
    test_examples=1032,
    validation_examples=895,
    fingerprint="",
    sampled=Pairs.of([[3] * 12, [3] * 24], [[3] * 12, [3] * 24]).take(torch.tensor([0])).batch(),
    offers={"vocabulary": 4000},
    noun="sentence pair",
)
"""English and German help of LibreOffice 7.4.7, as `benchmarks/help_pages.py` writes it."""

WITHOUT_FILES = {"image_folder": IMAGENET, "wmt16_en_de": WMT16, "text_pairs": HELP}
"""The facts of data sets that are not in a package."""

LARGE = ("gnmt",)
"""Networks that take too much time and memory to be built in a test."""


def describe_presets(without: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """By network, what `workers.describe` answers to the first preset that has it, where files are not needed."""
    torch.set_num_threads(1)  # as describe does
    answers: dict[str, dict[str, Any]] = {}
    for preset in presets().values():
        if preset.network not in (*answers, *without):
            [question, *_] = questions(parse_spec(preset.text))
            facts = WITHOUT_FILES.get(question.dataset.name) or load_facts(question.dataset)
            network = describe_network(question.network, facts, question.recipe, question.pruning)
            answers[preset.network] = {"dataset": facts.to_json(), "network": network}
    return answers


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in describe_presets().items())
    Path(str(TEMPLATES.joinpath("facts.json"))).write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")

"""The presets by name: every experiment of the paper, and small ones on digits and on sentence pairs.

Renda, Frankle, Carbin (ICLR 2020), sections 3 and 4; the grids are those of the published data.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

from workers.errors import InputError
from workers.registry import closest

TEMPLATES = files("orchestrator").joinpath("templates")

_TITLES = {
    "gnmt": "GNMT",
    "resnet20": "ResNet-20",
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
    "resnet56": "ResNet-56",
    "resnet110": "ResNet-110",
    "vgg16": "VGG-16",
}
_IMAGENET_NETWORKS = ("resnet34", "resnet50")
_ROUNDS = {"resnet20": 10, "resnet56": 17, "resnet110": 10, "vgg16": 10, "resnet50": 10}
"""The networks whose single weights were pruned, and the number of rounds of 20%."""
_TRANSLATION_ROUNDS = 25
_STRUCTURED = ("resnet56", "resnet110", "resnet34")

_RETRAINING = ("fine_tuning", "weight_rewinding", "lr_rewinding", "low_lr_weight_rewinding")
_DENSE_ONLY = "# (The study trained this network but did not prune it; the grid is that of its other networks.)\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A sweep file, `text`, for one network (its label), with data in `folder` (None: inside the package).

    `batch_norm_momentum` is the default of the network, if it was chosen for the length of the training.
    """

    summary: str
    text: str
    network: str
    folder: str | None = None
    batch_norm_momentum: float | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The facts of the data set (`workers.data.source.DataFacts`), known without loading it."""
        facts: dict[str, Any] = shipped_facts()[self.network]["dataset"]
        return facts


def preset(name: str) -> Preset:
    """The preset of a name. Raises InputError for an unknown name."""
    if name not in presets():
        raise InputError(f"unknown preset: `{name}`", hint=closest(name, presets()))
    return presets()[name]


@functools.cache
def presets() -> dict[str, Preset]:
    """All presets by name."""
    digits = TEMPLATES.joinpath("digits.yaml").read_text("utf-8")
    on_digits = Preset(summary=_heading(digits), text=digits, network="resnet8(width=8)")
    help_pages = TEMPLATES.joinpath("translation.yaml").read_text("utf-8")
    on_help = Preset(
        summary=_heading(help_pages), text=help_pages, network="gnmt(layers=2, units=128)", folder="data/help"
    )
    small = {"digits": on_digits, "translation-small": on_help}
    return small | dict(_of_the_paper()) | dict(_of_translation())


def _heading(text: str) -> str:
    """What the first line of a sweep file says."""
    return text.partition(":")[0].lstrip("# ")


@functools.cache
def shipped_facts() -> dict[str, dict[str, Any]]:
    """The answers of `workers.describe` to the questions of presets, by network; tests compare them."""
    answers: dict[str, dict[str, Any]] = json.loads(TEMPLATES.joinpath("facts.json").read_text("utf-8"))
    return answers


def _of_the_paper() -> Iterator[tuple[str, Preset]]:
    densities = ", ".join(f"0.8^{power}" for power in range(1, 11))
    for network, rounds in _ROUNDS.items():
        yield _experiment(
            f"{network}-one-shot",
            network,
            f"One-shot pruning of {_TITLES[network]}",
            techniques=(*_RETRAINING, "reinitialization"),
            how_far=f"density: [{densities}]",
        )
        yield _experiment(
            f"{network}-iterative",
            network,
            f"Iterative pruning of {_TITLES[network]}",
            techniques=_RETRAINING[:3] if network == "resnet50" else _RETRAINING,
            how_far=f"iterative: {{rounds: {rounds}, rate: 20%}}   # to {0.8**-rounds:.3g}×; each round has the budget",
        )
    for network in _STRUCTURED:
        for variant in ("a", "b"):
            yield _experiment(
                f"{network}-structured-{variant}",
                network,
                f"Structured pruning ({variant.upper()}) of {_TITLES[network]}",
                techniques=(*_RETRAINING, "reinitialization"),
                how_far="levels: [1, 2, 3, 4, 5]           # how often the rates of `layers` are applied",
                pruning=f"pruning: {{structure: filters, layers: {network}_{variant}}}   # those with small L1 norms\n",
            )


def _experiment(
    name: str, network: str, title: str, *, techniques: tuple[str, ...], how_far: str, pruning: str = ""
) -> tuple[str, Preset]:
    """The name of a preset of the paper, and the preset."""
    imagenet = network in _IMAGENET_NETWORKS
    template = TEMPLATES.joinpath("imagenet.yaml" if imagenet else "cifar10.yaml").read_text("utf-8")
    text = Template(template).substitute(
        name=name,
        title=title,
        note=_DENSE_ONLY if network == "vgg16" else "",
        network=network,
        pruning=pruning,
        weight_decay="5e-4" if network == "vgg16" else "2e-4",
        techniques=", ".join(techniques),
        how_far=how_far,
    )
    return name, Preset(
        summary=f"{title} on {'ImageNet' if imagenet else 'CIFAR-10'}",
        text=text,
        network=network,
        folder="data/imagenet" if imagenet else "data",
        batch_norm_momentum=None if imagenet else 0.003,
    )


def _of_translation() -> Iterator[tuple[str, Preset]]:
    """GNMT, with densities rounded to two decimals of a percent, as in the study's code."""
    densities = ", ".join(f"{round(0.8**power, 4):.2%}" for power in range(1, _TRANSLATION_ROUNDS + 1))
    ways = {
        "one-shot": ("One-shot", (*_RETRAINING, "reinitialization"), f"density: [{densities}]"),
        "iterative": (
            "Iterative",
            _RETRAINING,
            f"iterative: {{rounds: {_TRANSLATION_ROUNDS}, rate: 20%, round_to: 0.01%}}   # each round has the budget",
        ),
    }
    template = Template(TEMPLATES.joinpath("gnmt.yaml").read_text("utf-8"))
    for way, (title, techniques, how_far) in ways.items():
        name, title = f"gnmt-{way}", f"{title} pruning of {_TITLES['gnmt']}"
        text = template.substitute(name=name, title=title, techniques=", ".join(techniques), how_far=how_far)
        yield name, Preset(summary=f"{title} on WMT16", text=text, network="gnmt", folder="data/wmt16_de_en")

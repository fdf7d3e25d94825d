"""Names as people write them in papers: `lr_rewinding` is LR rewinding, `resnet20` is ResNet-20."""

from __future__ import annotations

import re

TECHNIQUES = {
    "fine_tuning": "fine-tuning",
    "weight_rewinding": "weight rewinding",
    "lr_rewinding": "LR rewinding",
    "low_lr_weight_rewinding": "low-LR weight rewinding",
    "reinitialization": "reinitialization",
    "scaled_lr_restarting": "scaled LR restarting",
    "cyclic_lr_restarting": "cyclic LR restarting",
    "linear_lr_restarting": "linear LR restarting",
    "adaptive_linear_lr_restarting": "adaptive linear LR restarting",
}
_OTHERS = {
    "one_shot": "one-shot",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet": "ImageNet",
    "mnist": "MNIST",
    "wmt16": "WMT16",
    "gnmt": "GNMT",
    "mlp": "MLP",
    "lamp": "LAMP",
    "erk": "ERK",
    "renda2020": "Renda et al. (2020)",
}
_SERIES = {"resnet": "ResNet", "vgg": "VGG"}  # with a number: ResNet-20
_NAME = re.compile(rf"(?<![\w.-])(?:({'|'.join(TECHNIQUES | _OTHERS)})|({'|'.join(_SERIES)})(\d+))(?![\w.-])")
_NO_INFORMATION = ("default",)  # the recipe of a sweep that has only one


def written(text: str) -> str:
    """Text in which every known name is as people write it; other names stay as they are."""
    return _NAME.sub(_written, text)


def heading(text: str) -> str:
    """`written` for the name of a line or a column: that of a technique has a capital letter, that of a grid commas."""
    if " · " in text:
        return place(text)
    begins_with_technique = text.split(" ")[0] in TECHNIQUES
    shown = written(text)
    return shown[:1].upper() + shown[1:] if begins_with_technique else shown


def place(title: str) -> str:
    """The title of a grid, such as `cifar10 · resnet20 · default · magnitude · one_shot`, as a list with commas."""
    return ", ".join(written(part) for part in title.split(" · ") if part not in _NO_INFORMATION)


def _written(match: re.Match[str]) -> str:
    name, series, number = match.groups()
    return (TECHNIQUES | _OTHERS)[name] if name else f"{_SERIES[series]}-{number}"

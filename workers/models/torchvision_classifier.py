"""torchvision's image classifiers, by name and with fresh weights."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from torch import Tensor, nn

from workers.errors import InputError
from workers.registry import closest
from workers.torchvision_import import torchvision


def torchvision_classifier(
    *, model: str, input_shape: tuple[int, int, int], classes: int, **arguments: Any
) -> nn.Module:
    """`torchvision.models.<model>` with its keyword arguments, freshly initialized: weights are never downloaded.

    Gray images are given to it on all three channels. Raises InputError for a name that is no classifier, for
    arguments that it does not take, and for images of neither one nor three channels.
    """
    models = torchvision("models")
    classifiers = models.list_models(module=models)
    if model not in classifiers:
        other = " of images: only those can be trained here" if model in models.list_models() else ""
        raise InputError(f"`{model}` is no classifier of torchvision{other}", hint=closest(model, classifiers))
    for name in ("weights", "weights_backbone", "pretrained", "num_classes"):
        if name in arguments:
            remedy = "`dense: {from: file.safetensors}` begins with weights of your own"
            raise InputError(
                f"`{name}` cannot be given to torchvision's `{model}`",
                hint="the data set says how many classes there are" if name == "num_classes" else remedy,
            )
    channels = input_shape[0]
    if channels not in (1, 3):
        raise InputError(f"torchvision's `{model}` takes images of 1 or 3 channels, not {channels}")
    try:
        network: nn.Module = models.get_model(model, weights=None, num_classes=classes, **arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"torchvision's `{model}` cannot be built: {error}") from error
    known = _arguments(type(network))
    for name in arguments:
        if name not in known:  # some of torchvision's classes take and ignore whatever they are given
            raise InputError(f"torchvision's `{model}` has no argument `{name}`", hint=closest(name, known))
    if channels == 1:
        network.register_forward_pre_hook(_repeat_gray)
    return network


def _arguments(network: type[nn.Module]) -> list[str]:
    """All names of arguments in a network's module: its builders pass them on to each other."""
    module = sys.modules[network.__module__]
    makers = [each for each in vars(module).values() if inspect.isfunction(each) or inspect.isclass(each)]
    own = [each for each in makers if each.__module__ == network.__module__]
    names = {name for each in own for name in inspect.signature(each).parameters}
    return sorted(names - {"weights", "progress", "num_classes", "args", "kwargs"})


def _repeat_gray(network: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    return (inputs[0].expand(-1, 3, -1, -1),)

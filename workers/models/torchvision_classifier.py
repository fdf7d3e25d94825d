"""The image classifiers of torchvision, by name and freshly initialized."""

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

    Gray images are repeated on all three channels. Raises InputError for an unknown classifier, for arguments that it
    does not take, and for images with neither one nor three channels.
    """
    models = torchvision("models")
    classifiers = models.list_models(module=models)
    if model not in classifiers:
        reason = "is not an image classifier" if model in models.list_models() else "not found in torchvision"
        raise InputError(f"torchvision model {reason}: `{model}`", hint=closest(model, classifiers))
    for name in ("weights", "weights_backbone", "pretrained", "num_classes"):
        if name in arguments:
            hint = "use `dense: {from: file.safetensors}` to start from existing weights"
            if name == "num_classes":
                hint = "the data set gives the number of classes"
            raise InputError(f"`{name}` cannot be given to torchvision's `{model}`", hint=hint)
    channels = input_shape[0]
    if channels not in (1, 3):
        raise InputError(f"images for torchvision's `{model}` must have 1 or 3 channels: {channels}")
    try:
        network: nn.Module = models.get_model(model, weights=None, num_classes=classes, **arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"torchvision's `{model}` cannot be built: {error}") from error
    names = _arguments(type(network))
    for name in arguments:
        if name not in names:  # some classes of torchvision accept and ignore unknown arguments
            raise InputError(f"torchvision's `{model}` has no argument `{name}`", hint=closest(name, names))
    if channels == 1:
        network.register_forward_pre_hook(_repeat_gray)
    return network


def _arguments(network: type[nn.Module]) -> list[str]:
    """All names of arguments in a network's module, whose functions and classes pass them to each other."""
    module = sys.modules[network.__module__]
    makers = [value for value in vars(module).values() if inspect.isfunction(value) or inspect.isclass(value)]
    local = [maker for maker in makers if maker.__module__ == network.__module__]
    names = {name for maker in local for name in inspect.signature(maker).parameters}
    return sorted(names - {"weights", "progress", "num_classes", "args", "kwargs"})


def _repeat_gray(network: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    return (inputs[0].expand(-1, 3, -1, -1),)

"""Trying a network on a small batch: whether it takes one, and what it returns."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from workers.data.batches.structure import Values, call, described, tensors
from workers.data.image_facts import ImageFacts
from workers.data.source import DataFacts
from workers.errors import BadInput
from workers.models.modes import inference

_EXAMPLES = 2


def check_outputs(name: str, network: nn.Module, facts: DataFacts) -> None:
    """Check both modes, since some networks return more than logits in training. Lazy layers get their shapes here.

    Raises BadInput for a network that does not take a batch, and for one that maps images to anything but logits.
    """
    with inference(network):
        _check_batch(name, network, facts, "in evaluation mode")
    unused = [parameter for parameter, tensor in network.named_parameters() if is_lazy(tensor)]
    if unused:
        raise BadInput(
            f"network `{name}` never uses a lazy layer, whose parameter has no shape: `{unused[0]}`",
            hint="call the layer in `forward`, or remove it",
        )
    try:
        copied = copy.deepcopy(network)  # training changes buffers
    except Exception as error:  # what the user's network holds may raise anything
        raise BadInput(
            f"network `{name}` cannot be copied: {error}",
            hint="keep locks, open files and results of earlier steps out of its attributes",
        ) from error
    with torch.no_grad():
        _check_batch(name, copied, facts, "in training mode")


def _check_batch(name: str, network: nn.Module, facts: DataFacts, mode: str) -> None:
    inputs, _ = facts.sample(_EXAMPLES)
    shape = tuple(inputs.shape) if isinstance(facts, ImageFacts) and isinstance(inputs, Tensor) else None
    try:
        outputs = call(network, inputs)
    except Exception as error:  # the user's network may raise anything
        batch = f"of shape {shape}" if shape else described(inputs)
        raise BadInput(
            f"network `{name}` cannot take a batch {batch} {mode}: {error}",
            hint=_remedy(error, inputs, shape is not None),
        ) from error
    if isinstance(facts, ImageFacts):
        _check_logits(name, outputs, shape, (_EXAMPLES, facts.classes), mode)
    elif outputs is None:
        raise BadInput(f"network `{name}` returns None {mode}", hint="end `forward` with `return`")


def _remedy(error: Exception, inputs: Values, are_images: bool) -> str:
    if "dtype" in str(error) and are_images:
        return "images are float32, and so must the weights be: remove `.double()` or `.half()`"
    if are_images:
        return (
            "`forward` must take float images (N, C, H, W) for any N: take sizes from `x.shape`, `input_shape` and "
            "`classes`, not from constants"
        )
    if any(tensor.dtype == torch.float64 for tensor in tensors(inputs)):
        return "networks compute in float32: convert the inputs with `.float()`"
    if "dtype" in str(error):
        return "give the inputs the type of the weights, usually float32: `.float()` where the data are prepared"
    return f"it is called as {_called(inputs)}, with any number of examples as the first dimension"


def _called(inputs: Values) -> str:
    if isinstance(inputs, Tensor):
        return "`network(x)`"
    if isinstance(inputs, dict):
        return f"`network({', '.join(f'{name}=...' for name in inputs)})`"
    return f"`network({', '.join('...' for _ in inputs)})`"


def _check_logits(
    name: str, outputs: object, shape: tuple[int, ...] | None, expected: tuple[int, int], mode: str
) -> None:
    if not isinstance(outputs, Tensor):
        raise BadInput(
            f"network `{name}` must map a batch of shape {shape} to one tensor of logits {mode}, not to "
            f"{type(outputs).__name__}",
            hint="end `forward` with `return`"
            if outputs is None
            else "return logits only; some classifiers of torchvision need `aux_logits: false` for that",
        )
    if not outputs.is_floating_point() or outputs.shape != expected:
        raise BadInput(
            f"network `{name}` must map a batch of shape {shape} to float logits of shape {expected} {mode}, not to "
            f"{outputs.dtype} of shape {tuple(outputs.shape)}",
            hint="keep the first dimension of the batch, and give the last layer `classes` outputs",
        )

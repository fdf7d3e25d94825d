"""What training minimizes: a loss of torch, or a function of the user."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.data.batches.structure import Values, described, examples
from workers.errors import BadInput, InputError
from workers.registry import check_not_a_class, is_own, load, load_own, lookup
from workers.training.loss_names import CLASSIFYING, ELEMENTWISE, LOSSES, is_sum
from workers.trial import CROSS_ENTROPY, Recipe

_CALLED = "it is called with what the network returns and the targets, for batches of any size"

_IGNORED = -100  # the class number that torch's losses leave out by default

_WRONG_CLASS = re.compile(r"Target -?\d+ is out of bounds|device-side assert")  # on a CPU, and on a GPU
REMEDY_OF_CLASSES = "number the classes of the targets from 0, and let the network return a logit for each of them"
_NUMBERS = "numbers to predict must be floating-point: `.float()`, or `target_type: number` of a table"
_MORE_CLASSES = (
    "number the classes from 0, and let the network return a logit for each of them; data with a declared fingerprint "
    'must tell how many they are: `offers={"classes": ...}`'
)

Loss = Callable[[Any, Any], Tensor]
"""Outputs of a network and targets of the same examples to a scalar, the mean over the batch."""


def loss_function(recipe: Recipe) -> Loss:
    """A recipe's loss. Raises InputError for an unknown name, and for label smoothing of another than cross-entropy."""
    if recipe.label_smoothing and recipe.loss != CROSS_ENTROPY:
        raise InputError(f"`label_smoothing` has no effect on loss `{recipe.loss}`", hint="remove it")
    entry = lookup(LOSSES, recipe.loss, "loss")
    if is_own(recipe.loss):
        function = load_own(recipe.loss)
        check_not_a_class(function, "loss", recipe.loss)
        return partial(function, **recipe.loss_arguments) if recipe.loss_arguments else function
    if recipe.loss == CROSS_ENTROPY and not recipe.loss_arguments:
        return partial(_cross_entropy, label_smoothing=recipe.label_smoothing)
    return _OfTorch(recipe.loss, load(entry.factory), _arguments(recipe))


def _cross_entropy(outputs: Any, targets: Any, label_smoothing: float) -> Tensor:
    return functional.cross_entropy(_classes_second(outputs, targets), targets, label_smoothing=label_smoothing)


def _classes_second(outputs: Any, targets: Any) -> Any:
    """Logits as torch's losses take them, (N, classes, ...), also where a network returns (N, ..., classes)."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor) or outputs.ndim != targets.ndim + 1:
        return outputs
    is_last = outputs.shape[:-1] == targets.shape and outputs.shape[:1] + outputs.shape[2:] != targets.shape
    return outputs.movedim(-1, 1) if is_last else outputs


def _arguments(recipe: Recipe) -> dict[str, Any]:
    """The arguments of a loss of torch. Lists become tensors, and the mean is that over the batch.

    Raises InputError for a list of something else than numbers.
    """
    arguments = {
        name: _numbers(recipe.loss, name, value) if isinstance(value, list) else value
        for name, value in recipe.loss_arguments.items()
    }
    if recipe.loss == CROSS_ENTROPY:
        arguments["label_smoothing"] = recipe.label_smoothing
    return arguments | ({"reduction": "batchmean"} if recipe.loss == "kl_div" else {})


def _numbers(loss: str, name: str, values: list[Any]) -> Tensor:
    if not all(isinstance(value, int | float) for value in values):
        raise InputError(f"`{name}` of loss `{loss}` must be numbers: {values}", hint="give one for each class")
    return torch.tensor(values, dtype=torch.float32)


class _OfTorch:
    """A loss of torch with its arguments. Raises BadInput for shapes that torch would repeat to fit each other."""

    def __init__(self, name: str, function: Loss, arguments: Mapping[str, Any]) -> None:
        self._name = name
        self._function = function
        self._arguments = dict(arguments)

    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        if self._name in ELEMENTWISE and isinstance(outputs, Tensor) and isinstance(targets, Tensor):
            _check_same_shape(self._name, outputs, targets)
        for name, value in self._arguments.items():
            if isinstance(value, Tensor) and isinstance(outputs, Tensor) and value.device != outputs.device:
                self._arguments[name] = value.to(outputs.device)
        if self._name in CLASSIFYING:
            outputs = _classes_second(outputs, targets)
        return self._function(outputs, targets, **self._arguments)


def _check_same_shape(name: str, outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape != targets.shape:
        hint = "let the network return one number for each number in the targets"
        if outputs.ndim == targets.ndim + 1 and outputs.shape[-1] == 1:
            hint = "end `forward` with `.squeeze(-1)`, or give targets of shape (N, 1)"
        elif not targets.is_floating_point():
            hint = f"whole numbers are classes, of `loss: cross_entropy`; {_NUMBERS}"
        raise BadInput(
            f"loss `{name}` needs outputs and targets of the same shape, not {tuple(outputs.shape)} and "
            f"{tuple(targets.shape)}",
            hint=hint,
        )


def check_loss(recipe: Recipe, outputs: Any, targets: Values) -> None:
    """Try a loss on what a network returned for a small batch, or on logits like it, and on the targets.

    Raises InputError if it cannot be found, BadInput if it does not work as a loss.
    """
    loss = loss_function(recipe)
    if recipe.loss == CROSS_ENTROPY and isinstance(outputs, Tensor) and _too_few_classes(outputs, targets):
        raise BadInput(
            f"loss `{recipe.loss}` needs logits for 2 classes or more, not {described(outputs)}",
            hint=_MORE_CLASSES
            if isinstance(targets, Tensor) and not targets.is_floating_point()
            else "to predict numbers, write `loss: mse` in the recipe; yes or no, `loss: bce_with_logits`; of classes, "
            "give whole numbers as targets",
        )
    try:
        value = loss(outputs, targets)
    except BadInput:
        raise
    except Exception as error:  # the user's function may raise anything
        message = f"loss `{recipe.loss}` failed on outputs {described(outputs)} and targets {described(targets)}"
        raise BadInput(
            f"{message}: {type(error).__name__}: {error}", hint=_remedy(recipe.loss, error, outputs, targets)
        ) from error
    if not isinstance(value, Tensor):
        returned = type(value).__name__
        hint = "end the function with `return`" if value is None else "return a tensor, without `.item()` or `float()`"
    elif not value.requires_grad:
        returned = f"a tensor of shape {tuple(value.shape)} without gradient"
        hint = "compute it from the outputs by differentiable operations, without `.detach()` and `.argmax()`"
    elif value.ndim != 0:
        returned, hint = f"a tensor of shape {tuple(value.shape)}", "average it over the batch: `.mean()`"
    else:
        return
    raise BadInput(f"loss `{recipe.loss}` must return a scalar tensor with a gradient, not {returned}", hint=hint)


def _remedy(loss: str, error: Exception, outputs: Any, targets: Values) -> str:
    """What to do about an error that a loss raises."""
    if is_own(loss):
        return _CALLED
    if not isinstance(outputs, Tensor):
        has_logits = hasattr(outputs, "logits") or (isinstance(outputs, dict) and "logits" in outputs)
        return f"end `forward` with one tensor{', such as `return outputs.logits`' if has_logits else ''}"
    if is_about_classes(error):
        return f"{REMEDY_OF_CLASSES}; {_NUMBERS}, and need another loss, such as `loss: mse`"
    takes = f"it takes {LOSSES[loss].summary}"
    if isinstance(targets, Tensor) and loss in CLASSIFYING and targets.ndim == 2 and targets.shape[1] == 1:
        return f"{takes}: give targets of shape (N,), by `.squeeze(1)`"
    if isinstance(targets, Tensor) and loss in CLASSIFYING and targets.dtype not in (torch.int64, torch.uint8):
        return f"{takes}: give the targets as int64, by `.long()`"
    if isinstance(targets, Tensor) and loss in ELEMENTWISE and not targets.is_floating_point():
        return f"{takes}; {_NUMBERS}"
    return takes


def is_about_classes(error: Exception) -> bool:
    """Whether a loss failed because a class number is below 0, or not below the number of logits."""
    return _WRONG_CLASS.search(str(error)) is not None


def _too_few_classes(outputs: Tensor, targets: Values) -> bool:
    """Whether these are not logits for classes, of which one alone is always right."""
    return outputs.ndim < 2 or bool(_classes_second(outputs, targets).shape[1] < 2)


def correct(outputs: Any, targets: Values) -> Tensor | None:
    """How many examples are classified correctly, on the device; None if these are not logits and labels."""
    if not _is_classification(outputs, targets):
        return None
    return (outputs.detach().argmax(1) == targets).sum()


def has_ignored(recipe: Recipe, targets: Values) -> Tensor | None:
    """Whether a loss leaves out targets by default, on their device; None if it never does.

    The mean over a batch is then not the mean over the means of its parts.
    """
    if recipe.loss not in CLASSIFYING or not isinstance(targets, Tensor):
        return None
    return (targets == _IGNORED).any()


def evaluation_loss(recipe: Recipe) -> Loss:
    """The loss that evaluation reports: the sum over the examples of a batch, in float64.

    Of logits and labels it is cross-entropy, neither smoothed nor weighted, for `cross_entropy` and for a loss of the
    user's own; otherwise what the recipe minimizes, without smoothing.
    """
    own = is_own(recipe.loss)
    arguments = {key: value for key, value in recipe.loss_arguments.items() if key != "label_smoothing"}
    unsmoothed = replace(recipe, label_smoothing=0.0, loss_arguments=recipe.loss_arguments if own else arguments)
    minimized = loss_function(unsmoothed)
    ignored = _IGNORED if own else recipe.loss_arguments.get("ignore_index", _IGNORED)

    def summed(outputs: Any, targets: Any) -> Tensor:
        if (recipe.loss == CROSS_ENTROPY or own) and _is_classification(outputs, targets):
            losses = functional.cross_entropy(outputs.float(), targets, ignore_index=ignored, reduction="none")
            return losses.double().sum()
        loss = minimized(outputs, targets).double()
        return loss if is_sum(recipe) else loss * examples(targets)

    return summed


def _is_classification(outputs: Any, targets: Values) -> bool:
    """Whether these are logits (N, classes) and labels (N,)."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return False
    return outputs.is_floating_point() and outputs.ndim == 2 and targets.ndim == 1 and targets.dtype == torch.int64


def remedy_of_divergence(recipe: Recipe, step: int, rate: str = "") -> str:
    """What to do about a loss or a weight that is not finite after a number of steps. `rate` says more about `lr`.

    Before the first step, the learning rate does not matter.
    """
    advice = (
        "check the scale of the inputs (`normalization`), the initial weights, and every division, `log` and `sqrt` of "
        "your network and loss"
    )
    if recipe.precision == "bf16":
        advice += "; try `precision: fp32`"
    if step == 0:
        return advice
    clip = "" if recipe.clip_grad_norm else " or `clip_grad_norm: 1`"
    return f"use a lower `lr`{rate}{clip}, and {advice}"

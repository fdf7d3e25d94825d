"""What training minimizes: cross-entropy, or a function of the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.data.batches.structure import Values, described, examples
from workers.errors import BadInput, InputError
from workers.registry import check_not_a_class, is_own, load_own
from workers.trial import CROSS_ENTROPY, Recipe

_CALLED = "it is called with what the network returns and the targets, for batches of any size"

Loss = Callable[[Any, Any], Tensor]
"""Outputs of a network and targets of the same examples to a scalar, the mean over the batch."""


def loss_function(recipe: Recipe) -> Loss:
    """A recipe's loss. Raises InputError for an unknown name, and for label smoothing of the user's function."""
    if recipe.loss == CROSS_ENTROPY:
        return partial(functional.cross_entropy, label_smoothing=recipe.label_smoothing)
    if not is_own(recipe.loss):
        raise InputError(
            f"unknown loss: `{recipe.loss}`", hint=f"use `{CROSS_ENTROPY}`, or your own function as `module:function`"
        )
    if recipe.label_smoothing:
        raise InputError(f"`label_smoothing` has no effect on loss `{recipe.loss}`", hint="remove it")
    function = load_own(recipe.loss)
    check_not_a_class(function, "loss", recipe.loss)
    return function


def check_loss(recipe: Recipe, outputs: Any, targets: Values) -> None:
    """Try a loss on what a network returned for a small batch, or on logits like it, and on the targets.

    Raises InputError if it cannot be found, BadInput if it does not work as a loss.
    """
    loss = loss_function(recipe)
    try:
        value = loss(outputs, targets)
    except Exception as error:  # the user's function may raise anything
        message = f"loss `{recipe.loss}` failed on outputs {described(outputs)} and targets {described(targets)}"
        raise BadInput(f"{message}: {type(error).__name__}: {error}", hint=_CALLED) from error
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


def correct(outputs: Any, targets: Values) -> Tensor | None:
    """How many examples are classified correctly, on the device; None if these are not logits and labels."""
    if not _is_classification(outputs, targets):
        return None
    return (outputs.detach().argmax(1) == targets).sum()


def summed_for_evaluation(recipe: Recipe, outputs: Any, targets: Values) -> Tensor:
    """The loss that evaluation reports, summed over the examples of a batch in float64.

    Of logits and labels it is cross-entropy, never smoothed, for `cross_entropy` and for a loss of the user's own;
    otherwise what the recipe minimizes.
    """
    if _is_classification(outputs, targets) and (recipe.loss == CROSS_ENTROPY or is_own(recipe.loss)):
        assert isinstance(targets, Tensor)
        return functional.cross_entropy(outputs.float(), targets, reduction="none").double().sum()
    unsmoothed = replace(recipe, label_smoothing=0.0)
    return loss_function(unsmoothed)(outputs, targets).double() * examples(targets)


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

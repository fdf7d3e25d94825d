"""What training minimizes: cross-entropy, or a function of the user."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from workers.errors import BadInput, InputError
from workers.registry import check_not_a_class, is_own, load_own
from workers.trial import CROSS_ENTROPY, Recipe

_CALLED = "it is called with logits (N, classes), float, and labels (N,), int64, for batches of any size"

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits (N, classes) and labels (N,) to a scalar, the mean over the batch."""


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


def check_loss(recipe: Recipe, classes: int) -> None:
    """Try a loss on two images. Raises InputError if it cannot be found, BadInput if it does not work as a loss."""
    loss = loss_function(recipe)
    logits = torch.zeros((2, classes), requires_grad=True)
    try:
        value = loss(logits, torch.zeros(2, dtype=torch.int64))
    except Exception as error:  # the user's function may raise anything
        message = f"loss `{recipe.loss}` failed on logits of shape {tuple(logits.shape)} and labels of shape (2,)"
        raise BadInput(f"{message}: {type(error).__name__}: {error}", hint=_CALLED) from error
    if not isinstance(value, Tensor):
        returned = type(value).__name__
        hint = "end the function with `return`" if value is None else "return a tensor, without `.item()` or `float()`"
    elif not value.requires_grad:
        returned = f"a tensor of shape {tuple(value.shape)} without gradient"
        hint = "compute it from the logits by differentiable operations, without `.detach()` and `.argmax()`"
    elif value.ndim != 0:
        returned, hint = f"a tensor of shape {tuple(value.shape)}", "average it over the batch: `.mean()`"
    else:
        return
    raise BadInput(f"loss `{recipe.loss}` must return a scalar tensor with a gradient, not {returned}", hint=hint)

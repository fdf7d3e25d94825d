"""What a training minimises: cross-entropy, or a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from workers.errors import BadInput, InputError
from workers.registry import is_own, load_own
from workers.trial import CROSS_ENTROPY, Recipe

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits (N, classes) and labels (N,) to a scalar, the mean over the batch."""


def loss_function(recipe: Recipe) -> Loss:
    """A recipe's loss. Raises InputError for a name that is none, and for label smoothing beside one's own."""
    if recipe.loss == CROSS_ENTROPY:
        return partial(functional.cross_entropy, label_smoothing=recipe.label_smoothing)
    if not is_own(recipe.loss):
        raise InputError(f"unknown loss `{recipe.loss}`", hint=f"`{CROSS_ENTROPY}`, or `module:function` of your own")
    if recipe.label_smoothing:
        raise InputError(f"`label_smoothing` has no effect on loss `{recipe.loss}`", hint="remove it")
    return load_own(recipe.loss)


def check_loss(recipe: Recipe, classes: int) -> None:
    """Try a loss on two images. Raises InputError for one that cannot be had, BadInput for one that is no loss."""
    loss = loss_function(recipe)
    logits = torch.zeros((2, classes), requires_grad=True)
    try:
        value = loss(logits, torch.zeros(2, dtype=torch.int64))
    except Exception as error:  # a function of the user's own may raise anything
        message = f"loss `{recipe.loss}` failed on logits of shape {tuple(logits.shape)} and labels of shape (2,)"
        raise BadInput(f"{message}: {type(error).__name__}: {error}") from error
    got = type(value).__name__
    if isinstance(value, Tensor):
        if value.ndim == 0 and value.requires_grad:
            return
        got = f"a tensor of shape {tuple(value.shape)}{'' if value.requires_grad else ' without gradient'}"
    raise BadInput(f"loss `{recipe.loss}` returned {got}, not a scalar tensor with a gradient")

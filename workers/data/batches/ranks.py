"""Whether several ranks, processes that each have a device, can share the batches of a recipe. Imports no torch."""

from __future__ import annotations

from workers.errors import InputError
from workers.text import plural
from workers.trial import CROSS_ENTROPY, TOKEN_CROSS_ENTROPY, Recipe

_WEIGHTED_MEANS = (CROSS_ENTROPY, "nll")
"""Losses whose mean is divided by the weights of the targets that count, not by the number of examples."""

_UNSHARED_MEANS = {"weight": "a weighted mean over all of it", "ignore_index": "a mean over some of its targets"}
"""Arguments of these losses with which the mean over a batch is not the mean over the means of its parts."""


def check_ranks(recipe: Recipe, ranks: int, has_batch_norm: bool) -> None:
    """Raise InputError unless all ranks can have equal parts of a batch, in whole groups of BatchNorm.

    `about` of the error is the key of the recipe that is wrong.
    """
    part, rest = divmod(recipe.batch_size, ranks)
    if rest:
        raise InputError(
            f"`batch_size` must be a multiple of the {plural(ranks, 'GPU')} of a trial: {recipe.batch_size:,}",
            hint=f"use {recipe.batch_size - recipe.batch_size % ranks or ranks:,}, or another number of `gpus`",
            about="batch_size",
        )
    for argument, mean in _UNSHARED_MEANS.items():
        if ranks > 1 and recipe.loss in _WEIGHTED_MEANS and argument in recipe.loss_arguments:
            raise InputError(
                f"several GPUs cannot share a batch whose loss `{recipe.loss}` is {mean}: `{argument}`",
                hint=f"train on one GPU, or remove `{argument}`",
                about="loss",
            )
    if ranks > 1 and recipe.loss == TOKEN_CROSS_ENTROPY and recipe.loss_arguments.get("reduction") != "sum":
        raise InputError(
            f"several GPUs cannot share a batch whose loss `{TOKEN_CROSS_ENTROPY}` is a mean over its tokens",
            hint="train on one GPU, or add them up: `loss: {name: token_cross_entropy, reduction: sum}`",
            about="loss",
        )
    if recipe.clip_group and part % recipe.clip_group:
        raise InputError(
            f"`clip_group` must divide the {plural(part, 'example')} that each of {plural(ranks, 'GPU')} has of a "
            f"batch: {recipe.clip_group:,}",
            hint="use a divisor, or another number of `gpus`",
            about="clip_group",
        )
    if ranks == 1 or not has_batch_norm:
        return
    share = f"the {plural(part, 'example')} that each of {plural(ranks, 'GPU')} has of a batch"
    group = recipe.batch_norm_group
    if group is None:
        raise InputError(
            f"several GPUs cannot share a batch without groups for BatchNorm, which divide {share}",
            hint=f"add `batch_norm_group: {part}` to the recipe",
            about="batch_size",
        )
    if part % group:
        raise InputError(
            f"`batch_norm_group` must divide {share}: {group:,}",
            hint=f"use `batch_norm_group: {part}` or another divisor, or another number of `gpus`",
            about="batch_norm_group",
        )

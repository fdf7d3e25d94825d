"""The losses that a recipe can name, without importing torch: those of torch, and one of sentences."""

from __future__ import annotations

from workers.registry import Entry
from workers.trial import CROSS_ENTROPY, TOKEN_CROSS_ENTROPY, Recipe

_NUMBER = (int, float)


def _of_torch(function: str, summary: str, **arguments: type | tuple[type, ...]) -> Entry:
    return Entry(factory=f"torch.nn.functional:{function}", summary=summary, arguments=arguments)


LOSSES = {
    CROSS_ENTROPY: _of_torch(
        "cross_entropy", "logits (N, classes, ...) and class numbers (N, ...)", weight=list, ignore_index=int
    ),
    "nll": _of_torch(
        "nll_loss", "log-probabilities (N, classes, ...) and class numbers", weight=list, ignore_index=int
    ),
    "multi_margin": _of_torch(
        "multi_margin_loss", "scores (N, classes) and class numbers", p=int, margin=_NUMBER, weight=list
    ),
    "bce_with_logits": _of_torch(
        "binary_cross_entropy_with_logits", "logits and probabilities of the same shape", pos_weight=list
    ),
    "bce": _of_torch("binary_cross_entropy", "probabilities and probabilities of the same shape"),
    "multilabel_soft_margin": _of_torch(
        "multilabel_soft_margin_loss", "logits and 0 or 1 for each class, (N, classes)", weight=list
    ),
    "mse": _of_torch("mse_loss", "the mean squared error"),
    "l1": _of_torch("l1_loss", "the mean absolute error"),
    "smooth_l1": _of_torch("smooth_l1_loss", "squared below `beta` (1), absolute above", beta=_NUMBER),
    "huber": _of_torch("huber_loss", "squared below `delta` (1), absolute above, times `delta`", delta=_NUMBER),
    "poisson_nll": _of_torch(
        "poisson_nll_loss", "log-rates (or rates) and counts", log_input=bool, full=bool, eps=_NUMBER
    ),
    "kl_div": _of_torch("kl_div", "log-probabilities and probabilities (N, ...)", log_target=bool),
    "soft_margin": _of_torch("soft_margin_loss", "logits and 1 or -1, of the same shape"),
    TOKEN_CROSS_ENTROPY: Entry(
        factory="workers.training.optimizing.token_loss:token_cross_entropy",
        summary="logits (N, T, vocabulary) and token numbers (N, T); `reduction: sum` over the tokens, or their mean",
        arguments={"label_smoothing": _NUMBER, "reduction": str},
    ),
    "hinge_embedding": _of_torch("hinge_embedding_loss", "distances and 1 or -1, of the same shape", margin=_NUMBER),
}
"""What each compares: outputs of a network with targets; the mean over a batch is minimized."""

CLASSIFYING = (CROSS_ENTROPY, "nll")
"""Losses of numbers for each class and the number of the right one, of which there may be several for an example."""

ELEMENTWISE = (
    "bce_with_logits",
    "bce",
    "multilabel_soft_margin",
    "mse",
    "l1",
    "smooth_l1",
    "huber",
    "poisson_nll",
    "kl_div",
    "soft_margin",
    "hinge_embedding",
)
"""Losses of outputs and targets of the same shape, of which torch would repeat one that is smaller."""


def is_sum(recipe: Recipe) -> bool:
    """Whether the loss of a batch is a sum over its examples, not their mean."""
    return recipe.loss_arguments.get("reduction") == "sum"

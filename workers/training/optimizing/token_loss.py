"""The loss of networks that predict a token at each position of a sentence."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

from workers.data.batches.structure import Values
from workers.errors import BadInput

Reduction = Literal["mean", "sum"]


def token_cross_entropy(
    outputs: Tensor, targets: Values, *, label_smoothing: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """The cross-entropy of logits (N, T, vocabulary), over the tokens of a batch; positions without one do not count.

    `targets`, or what they have as `tokens`, are token numbers int64 (N, T or more), −100 where there is no token. The
    logits may be those of the first T positions, if there are no tokens beyond. Computed in float32.
    """
    tokens = targets["tokens"] if isinstance(targets, dict) else targets
    if not isinstance(tokens, Tensor) or outputs.ndim != 3 or tokens.ndim != 2:
        raise BadInput(
            "loss `token_cross_entropy` needs logits (N, T, vocabulary) and token numbers (N, T)",
            hint="return logits for each position, and give targets as a tensor or in a dict as `tokens`",
        )
    return functional.cross_entropy(
        outputs.flatten(0, 1).float(),
        tokens[:, : outputs.shape[1]].flatten(),
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
